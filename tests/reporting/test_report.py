"""The verdicts for people: a table in README.md that anybody can make again, and a page for each study."""

import json
import re
from pathlib import Path

import pytest

from replications import code, study
from replications.judging.claims import Claim, Deviation, Greater, judge
from replications.judging.scores import Scores
from replications.reporting import report
from replications.reporting.report import ReportError, markers, table, with_blocks
from tests import tiny

TODAY = code.code_hash("pix2pix")


def verdicts(study: str, effect: float = 1.0, **changes) -> list[dict]:
    """Two verdicts as they stand in verdicts.json; `changes` are the first claim's."""
    said = {
        "id": "it_sharpens",
        "replication": "pix2pix",
        "statement": "It sharpens.",
        "source": "somebody 2017",
        "explanation": ("E2", "E3"),
        "predicate": Greater("sharpness", "gan", "l1"),
        "smallest_effect": 0.1,
        "unit": "sharper",
        "published": "+0.3",
        "deviations": (Deviation("steps", "few epochs", "blurrier").helps, Deviation("data", "a | b", "other")),
    }
    claims = [
        Claim(**{**said, **changes}),
        Claim(**{**said, "id": "it_blurs", "statement": "It blurs.", "predicate": Greater("sharpness", "l1", "gan")}),
    ]
    seeds = (1, 2, 3, 4, 5)
    noise = dict(zip(seeds, (0.01, -0.02, 0.0, 0.02, -0.01), strict=True))
    scores = Scores({("l1", "sharpness"): noise, ("gan", "sharpness"): {s: effect + 2 * noise[s] for s in seeds}})
    return [verdict.as_json() for verdict in judge(claims, {"pix2pix": scores}, seeds, study)]


def write(folder, content) -> None:
    """Verdicts, and two environments that their runs were made in."""
    made = ((1, "a"), (2, "b"), (3, "b"))
    rows = [{"variant": "l1", "seed": seed, "environment": name, "code_sha256": TODAY} for seed, name in made]
    tiny.write_rows(folder / "results" / "pix2pix" / "runs.csv", rows)
    environments = {"a": tiny.ENVIRONMENT, "b": {**tiny.ENVIRONMENT, "cpu": "another"}}
    (folder / "results" / "pix2pix" / "environments.json").write_text(json.dumps(environments))
    (folder / "results" / "verdicts.json").write_text(json.dumps(content), encoding="utf-8")


def tables_of(markdown: str) -> list[list[list[str]]]:
    """The cells of each Markdown table, whose rows must follow one another."""
    blocks = [block.splitlines() for block in markdown.strip("\n").split("\n\n")]
    blocks = [block for block in blocks if any(line.startswith("|") for line in block)]
    for block in blocks:
        assert all(line.startswith("| ") or line.startswith("|---") for line in block), f"a broken row in\n{markdown}"
        assert block[1].startswith("|---"), f"a table without its ruler in\n{markdown}"
    return [[[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in block] for block in blocks]


def rows_of(markdown: str) -> list[list[str]]:
    """The cells of the last table, that of the claims."""
    return tables_of(markdown)[-1]


def test_studies_stand_side_by_side(tmp_path):
    write(tmp_path, verdicts("root"))
    write(tmp_path / "real", verdicts("real", effect=0.0))
    said = table(tmp_path)
    header, ruler, *rows = rows_of(said)
    assert header == ["claim", "published", "root", "real"]
    assert ruler == ["---"] * 4
    assert rows[0][0] == "**pix2pix** It sharpens. (E2, E3)<br>*deviations: steps ▲, data ◆*"
    assert rows[0][1] == "+0.3"
    assert rows[0][2].startswith("✔ replicated<br>+1 [")
    assert rows[0][3].startswith("? inconclusive<br>")
    assert rows[1][2].startswith("✘ contradicted<br>-1 [")
    assert {len(row) for row in rows} == {4}
    assert (
        "**root** study: 1 replicated, 1 contradicted, 0 inconclusive. Runs: 1 in numpy 0, Python ?, made up;" in said
    )
    assert "**real** study: 0 replicated, 0 contradicted, 2 inconclusive. Runs: 1 in" in said


def test_explanations_stand_before_the_claims(tmp_path):
    """Of all studies together: here one claim replicated and one contradicted, and both undecided in the other."""
    write(tmp_path, verdicts("root", explanation=("E2",), against=("E1",)))
    write(tmp_path / "real", verdicts("real", effect=0.0, explanation=("E2",), against=("E1",)))
    (header, ruler, *rows), (first, *_) = tables_of(table(tmp_path))
    assert header == ["explanation", "for", "against", "undecided", "conclusion"]
    assert ruler == ["---"] * 5
    assert first[0] == "claim"
    assert rows == [
        ["**E1** bottleneck", "0", "1", "1", "Contradicted: 0 for, 1 against, 1 undecided."],
        ["**E2** averaging", "1", "1", "2", "Contested: 1 for, 1 against, 2 undecided."],
        ["**E3** noise", "0", "1", "1", "Contradicted: 0 for, 1 against, 1 undecided."],
        ["**E4** antagonism", "0", "0", "0", "Nothing was decided."],
        ["**E5** quantisation", "0", "0", "0", "Nothing was decided."],
    ]


def test_what_a_claim_bears_on_is_shown(tmp_path):
    write(tmp_path, verdicts("root", explanation=("E2", "E3"), against=("E1", "E4")))
    assert rows_of(table(tmp_path))[2][0].startswith("**pix2pix** It sharpens. (E2, E3, against E1, against E4)<br>")
    assert report.bearing({"explanation": [], "against": ["E1"]}) == "against E1"
    assert report.bearing({"explanation": ["E1"], "against": []}) == "E1"


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0.0, "0.00"),
        (0.1, "0.10"),
        (-0.126, "-0.13"),
        (12.345, "12.35"),
        (0.0456, "0.046"),
        (-0.00123, "-0.0012"),
        (0.09999, "0.1"),
        (1e-7, "1e-07"),
    ],
)
def test_numbers_are_as_short_as_they_can_be_told_apart(number, said):
    assert report.short(number) == said


def test_a_study_without_verdicts_is_left_out(tmp_path):
    write(tmp_path, verdicts("root"))
    (tmp_path / "real").mkdir()
    header, *rows = rows_of(table(tmp_path))
    assert header == ["claim", "published", "root"]
    assert {len(row) for row in rows} == {3}


def test_a_claim_of_one_study_alone_leaves_a_dash(tmp_path):
    write(tmp_path, verdicts("root"))
    write(tmp_path / "real", verdicts("real")[:1])
    *_, last = rows_of(table(tmp_path))
    assert last[3] == "–"


def test_no_verdicts_at_all_make_an_empty_table(tmp_path):
    write(tmp_path, [])
    header, _ = rows_of(table(tmp_path))
    assert header == ["claim", "published"]


def test_nothing_published_is_a_dash(tmp_path):
    write(tmp_path, verdicts("root", published=None))
    assert rows_of(table(tmp_path))[2][1] == "–"


@pytest.mark.parametrize("field", ["statement", "unit", "published"])
def test_a_bar_in_a_text_does_not_break_the_table(tmp_path, field):
    write(tmp_path, verdicts("root", **{field: "p(x | y) at\nonce"}))
    rows = rows_of(table(tmp_path))
    assert {len(row) for row in rows} == {3}
    assert any(r"p(x \| y) at once" in cell for cell in rows[2])


# --- README --------------------------------------------------------------------------------------------------------

BEGIN, END = markers("results")
README = f"# Title\n\nbefore\n\n{BEGIN}\nold\n{END}\n\nafter\n"


def test_the_table_stands_between_its_markers():
    changed = with_blocks(README, {"results": "| new |\n"})
    assert changed == f"# Title\n\nbefore\n\n{BEGIN}\n| new |\n{END}\n\nafter\n"
    assert with_blocks(changed, {"results": "| new |\n"}) == changed
    two = README + tiny.markers("replications")
    assert with_blocks(two, {"replications": "mine\n"}) == two.replace(
        "do not edit) -->\n<!-- repl", "do not edit) -->\nmine\n<!-- repl"
    )


def test_the_markers_stand_on_lines_of_their_own(tmp_path):
    write(tmp_path, verdicts("root"))
    lines = with_blocks(README, {"results": table(tmp_path)}).splitlines()
    assert BEGIN in lines
    assert END in lines


@pytest.mark.parametrize(
    "readme",
    [
        "# Title\n",
        f"{BEGIN}\nold\n",
        f"old\n{END}\n",
        f"{END}\nold\n{BEGIN}\n",
        README + README,
        README + BEGIN,
    ],
    ids=["none", "no-end", "no-begin", "wrong-order", "twice", "two-begins"],
)
def test_lost_markers_are_named(readme):
    with pytest.raises(
        ReportError, match=r"^a/README\.md: expected each of the lines .*begin.* and .*end.* once; put them back"
    ):
        with_blocks(readme, {"results": "new\n"}, Path("a/README.md"))


# --- the command ---------------------------------------------------------------------------------------------------


READMES = ("README.md", *(f"replications/{name}/README.md" for name in study.REPLICATIONS))


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A folder with a study at its root and a README, where the command works."""
    tiny.write_params(tmp_path, tiny.params())
    for readme in READMES:
        (tmp_path / readme).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / readme).write_text(README + tiny.markers("replications"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_writes_page_and_table_and_repeats_its_bytes(repository, capsys):
    write(repository, verdicts("root", statement="β grows."))
    assert report.main([]) == 0
    page = (repository / "results" / "verdicts.md").read_text(encoding="utf-8")
    readme = (repository / "README.md").read_text(encoding="utf-8")
    for words in (
        "# Verdicts of the root study",
        "## it_sharpens: replicated",
        "## it_blurs: contradicted",
        "β grows.",
    ):
        assert words in page
    for words in (
        "(somebody 2017; E2, E3)",
        "5 seeds",
        "gan over l1",
        "Smallest effect that matters: +0.1 sharper",
        "Published: +0.3",
        "| steps | few epochs | blurrier | ▲ the claim |",
        r"| data | a \| b | other | ◆ either |",
        "Runs were made in 2 environments: they are not all comparable byte for byte.",
        "| 2 | pix2pix | numpy 0, Python ?, another |",
    ):
        assert words in page
    assert "β grows." in readme
    assert "2 verdicts in results/verdicts.md, tables in README.md" in capsys.readouterr().out
    before = tiny.hashes(repository)
    assert report.main([]) == 0
    assert tiny.hashes(repository) == before


def test_missing_verdicts_are_named_with_the_remedy(repository):
    with pytest.raises(
        ReportError, match=r"results/verdicts\.json: no such file; run `dvc repro --pull` to judge first"
    ):
        report.main([])


@pytest.mark.parametrize("readme", READMES)
def test_a_missing_readme_is_named(repository, readme):
    write(repository, verdicts("root"))
    (repository / readme).unlink()
    with pytest.raises(ReportError, match=f"^{re.escape(readme)}: no such file"):
        report.main([])


def test_a_replications_page_shows_published_numbers_beside_ours(repository):
    write(repository, verdicts("root"))
    row = {"variant": "l1", "instrument": "pixel_accuracy", "mean": 0.5, "low": 0.4, "high": 0.625, "n_seeds": 5}
    tiny.write_rows(repository / "results" / "pix2pix" / "summary.csv", [row])
    ceiling = {"segmentation": {"pixel_accuracy": 0.91}}
    (repository / "results" / "readers.json").write_text(json.dumps(ceiling))
    assert report.main([]) == 0
    page = (repository / "replications" / "pix2pix" / "README.md").read_text(encoding="utf-8")
    assert "0.50 [0.40, 0.62]" in page
    assert "0.42" in page, "published for L1 in table 1"
    assert "0.91" in page


def test_damaged_verdicts_are_named(repository):
    write(repository, verdicts("root"))
    path = repository / "results" / "verdicts.json"
    path.write_text(path.read_text()[:-10])
    with pytest.raises(ReportError, match=r"results/verdicts\.json: .*run `dvc repro"):
        report.main([])


@pytest.mark.parametrize("field", ["against", "flip_chance"])
def test_verdicts_of_another_version_are_named_with_the_remedy(repository, field):
    older = verdicts("root")
    del older[1][field]
    write(repository, older)
    with pytest.raises(
        ReportError, match=rf"verdicts\.json: written by another version .* differs in {field}; run `dvc"
    ):
        report.main([])
    bare = [{**verdict, "deviations": [{"kind": "steps", "what": "few"}]} for verdict in verdicts("root")]
    (repository / "results" / "verdicts.json").write_text(json.dumps(bare), encoding="utf-8")
    with pytest.raises(ReportError, match=r"differs in deviations\.effect;"):
        report.main([])
    newer = [{**verdict, "colour": "red"} for verdict in verdicts("root")]
    (repository / "results" / "verdicts.json").write_text(json.dumps(newer), encoding="utf-8")
    with pytest.raises(ReportError, match="differs in colour"):
        report.main([])


FIELDS = {
    "verdict": ("maybe", "verdict = 'maybe', expected 'replicated', 'contradicted' or 'inconclusive'"),
    "scale": ("other", "scale = 'other', expected 'difference' or 'log_ratio'"),
    "effect": ("large", "effect = 'large', expected a valid number"),
    "p_value": (True, "p_value = True, expected a valid number"),
    "p_adjusted": (None, "p_adjusted = None, expected a valid number"),
    "flip_chance": (float("nan"), "flip_chance = nan, expected a finite number"),
    "interval": ([0.1], "interval = [0.1], expected one value more"),
    "explanation": (["E9"], "explanation = 'E9', expected 'E1', 'E2', 'E3', 'E4' or 'E5'"),
    "against": ("E1", "against = 'E1', expected a valid array"),
    "statement": (3, "statement = 3, expected a valid string"),
    "effects_by_seed": ([1, 2], "effects_by_seed = [1, 2], expected an object"),
    "deviations": (["few epochs"], "deviations = 'few epochs', expected an object"),
    "n_seeds": ("five", "n_seeds = 'five', expected a valid integer"),
}


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_that_holds_something_else_is_named_with_claim_value_and_remedy(repository, field):
    value, said = FIELDS[field]
    wrong = verdicts("root")
    wrong[1][field] = value
    write(repository, wrong)
    with pytest.raises(ReportError) as caught:
        report.main([])
    message = str(caught.value)
    assert message.startswith(f"results/verdicts.json: pix2pix/it_blurs: {said}")
    assert message.endswith("; run `dvc repro --pull judge` to judge again")


@pytest.mark.parametrize("folder", study.STUDIES)
def test_the_committed_verdicts_are_read_as_they_are_written(folder):
    path = tiny.ROOT / folder / "results" / "verdicts.json"
    assert report.read_verdicts(tiny.ROOT / folder) == json.loads(path.read_text(encoding="utf-8"))


def test_an_interval_may_have_no_bounds(repository):
    one = verdicts("root")
    one[0]["interval"] = [None, 2.0]
    write(repository, one)
    assert report.main([]) == 0


# --- of what code --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("digests", "declared", "said"),
    [
        ((TODAY, TODAY), {}, []),
        (
            ("old", "old"),
            {"old": "c0ffee" * 7},
            ["Trained by the code of commit c0ffeec0ffee, which today's differs from"],
        ),
        (("old", TODAY), {"old": "c0ffee" * 7}, ["commit c0ffeec0ffee, which today's differs from: pix2pix (1 runs)."]),
        (("old", "old"), {}, ["Trained by code that no commit is named for."]),
    ],
    ids=["todays", "earlier", "both", "nobody's"],
)
def test_readers_are_told_what_code_the_runs_are_of(repository, digests, declared, said):
    write(repository, verdicts("root"))
    rows = [{"variant": "l1", "seed": i, "environment": "a", "code_sha256": one} for i, one in enumerate(digests)]
    tiny.write_rows(repository / "results" / "pix2pix" / "runs.csv", rows)
    evidence = {"pix2pix": {"trained": declared, "measured": "a" * 40}}
    (repository / "results" / "evidence.json").write_text(json.dumps(evidence), encoding="utf-8")
    assert report.main([]) == 0
    for file in ("README.md", "results/verdicts.md"):
        text = (repository / file).read_text(encoding="utf-8")
        assert [sentence in text for sentence in said] == [True] * len(said)
        assert ("Trained by" in text) == bool(said)


def test_every_replication_lists_itself(repository):
    write(repository, verdicts("root"))
    assert report.main([]) == 0
    begin, end = markers("replications")
    written = (repository / "README.md").read_text(encoding="utf-8").split(f"{begin}\n")[1].split(end)[0]
    ((_, _, *rows),) = tables_of(written)
    assert [row[0] for row in rows] == [f"[{name}](replications/{name}/README.md)" for name in study.REPLICATIONS]
    assert all(all(row) for row in rows)
    assert dict(zip(study.REPLICATIONS, rows, strict=True))["vq_vae"][1:] == [
        "van den Oord et al. 2017, neural discrete representation learning",
        "size of the codebook, how it is learned",
        "E5, E1, E2",
    ]


def test_a_readme_without_markers_is_left_as_it_is(repository):
    write(repository, verdicts("root"))
    (repository / "README.md").write_text("mine")
    with pytest.raises(ReportError):
        report.main([])
    assert (repository / "README.md").read_text() == "mine"
