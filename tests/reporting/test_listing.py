"""The list of claims: complete, narrowed by what is asked for, and as wide as a terminal."""

import json

import pytest

from replications.judging.verdicts import MEANS
from replications.reporting import listing
from replications.reporting.listing import ClaimsError
from replications.reporting.report import everything
from tests import tiny


@pytest.fixture(autouse=True)
def _here(monkeypatch):
    monkeypatch.chdir(tiny.ROOT)


def listed(capsys, *options: str) -> list[dict]:
    assert listing.main([*options, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_every_claim_is_listed_with_every_verdict(capsys):
    found = {f"{one['replication']}/{one['id']}": one["verdicts"] for one in listed(capsys)}
    expected = everything(tiny.ROOT).by_claim
    assert list(found) == list(expected)
    for name, by_study in expected.items():
        assert found[name] == {study: verdict["verdict"] for study, verdict in by_study.items()}


def test_options_narrow_the_list_and_add_up(capsys):
    everything_listed = listed(capsys)
    rooms = listed(capsys, "--replication", "vq_vae", "--replication", "beta_vae")
    assert {one["replication"] for one in rooms} == {"vq_vae", "beta_vae"}
    assert rooms == [one for one in everything_listed if one["replication"] in ("vq_vae", "beta_vae")]
    on_quantisation = listed(capsys, "--explanation", "E5")
    assert on_quantisation == [one for one in everything_listed if "E5" in (*one["explanation"], *one["against"])]
    assert any("E5" in one["against"] for one in on_quantisation)
    for outcome in MEANS:
        found = listed(capsys, "--outcome", outcome)
        assert found == [one for one in everything_listed if outcome in one["verdicts"].values()]
        at_root = listed(capsys, "--outcome", outcome, "--study", "root")
        assert at_root == [one for one in found if one["verdicts"].get("root") == outcome]


def test_words_find_claims_by_name_and_statement(capsys):
    everything_listed = listed(capsys)
    for words in (["codebook"], ["Codebook", "blur"]):
        found = listed(capsys, *words)
        assert found == [
            one
            for one in everything_listed
            if all(word.lower() in f"{one['id']} {one['statement']}".lower() for word in words)
        ]
        assert 0 < len(found) < len(everything_listed)
    assert [one["id"] for one in listed(capsys, "causes/noise_blurs_under_l2")] == ["noise_blurs_under_l2"]
    both = listed(capsys, "noise", "--replication", "causes", "l2")
    assert "noise_blurs_under_l2" in [one["id"] for one in both]
    assert {one["replication"] for one in both} == {"causes"}
    assert listed(capsys, "codebook", "nonsense") == []
    with pytest.raises(ClaimsError, match="codebook nonsense: no such claim; leave words or options out"):
        listing.main(["codebook", "nonsense"])


@pytest.mark.parametrize(("columns", "width"), [("", 100), ("500", 100), ("60", 60), ("3", 30), ("1", 30)])
def test_what_is_said_of_a_claim_fits_the_terminal_and_its_name_is_whole(capsys, monkeypatch, columns, width):
    monkeypatch.setenv("COLUMNS", columns)
    assert listing.main(["--replication", "pix2pix"]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    found = listed(capsys, "--replication", "pix2pix")
    told = [line for line in lines if not line.startswith((" ", "pix2pix/"))]
    assert " ".join(told) == "Explanations: E1 bottleneck, E2 averaging, E3 noise, E4 antagonism, E5 quantisation"
    assert max(map(len, told)) <= width
    lines = lines[: -len(told)]
    assert [line for line in lines if not line.startswith(" ")] == [f"pix2pix/{one['id']}" for one in found]
    assert max(len(line) for line in lines if line.startswith(" ")) <= width
    text = " ".join(" ".join(lines).split())
    for one in found:
        first, verdict = next(iter(one["verdicts"].items()))
        assert f"{one['id']} {one['statement']} {first}: {verdict}" in text
    assert last.startswith(f"{len(found)} claims; `python -m replications trace CLAIM`")


def test_where_nothing_was_judged_it_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ClaimsError, match="no study here has verdicts; run it in the root of a checkout"):
        listing.main([])


def test_a_study_without_verdicts_is_named_with_those_that_have_some():
    with pytest.raises(ClaimsError, match="--study rael: no such study has verdicts; there are root, real, paper"):
        listing.main(["--study", "rael"])


@pytest.mark.parametrize("option", ["--replication", "--explanation", "--outcome"])
def test_an_unknown_choice_is_one_line_with_the_known_ones(option):
    tiny.assert_one_line_error(tiny.here("claims", option, "E9"), f"argument {option}: invalid choice: 'E9'", "choose")
