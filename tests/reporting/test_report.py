"""The verdicts for people: a table in README.md that anybody can make again, and a page for each study."""

import json
import re
from pathlib import Path

import pytest

from replications import code, study
from replications.judging.claims import Check, Claim, Deviation, PublishedTable
from replications.judging.explanations import EXPLANATIONS
from replications.judging.predicates import Both, Greater
from replications.judging.scores import Scores
from replications.judging.verdicts import MEANS, Verdict, judge
from replications.reporting import report
from replications.reporting.report import ReportError, markers, table, with_blocks
from replications.results import RUN
from tests import tiny

TODAY = code.code_hash("pix2pix")


SEEDS: tuple[int, ...] = (1, 2, 3, 4, 5)
SPREAD = (0.01, -0.02, 0.0, 0.02, -0.01)


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
    noise = dict(zip(SEEDS, SPREAD, strict=True))
    scores = Scores({("l1", "sharpness"): noise, ("gan", "sharpness"): {s: effect + 2 * noise[s] for s in SEEDS}})
    return [verdict.as_json() for verdict in judge(claims, {"pix2pix": scores}, SEEDS, study)]


SHARES = (0.25, 0.5, 1.0)
EFFECTS = {
    "replicated": (0.5, 0.97, 1.0),
    "contradicted": (-0.2, -0.4, -0.8),
    "negligible": (0.03, 0.01, 0.0),
    "inconclusive": (0.1, 0.1, 0.1),
    "untestable": (0.9, 0.95, 1.0),
}
"""Outcome → the effect at each snapshot, where 0.1 matters."""
PASSED = Check("the GAN shows as many modes as photographs", "modes", "gan", "at least", 9.0, why="nine of ten")
FAILED = Check(
    "the GAN is near photographs", "kid", "gan", "at most", ("blurred", "kid"), why="blur | is bad", factor=2
)
REGISTERED = "written down before its runs"


def five(study: str = "root") -> list[Verdict]:
    """A verdict of each outcome, measured at three snapshots and with quality checks, of which one failed."""
    claims = [
        Claim(
            id=f"is_{outcome}",
            replication="pix2pix",
            statement=f"It is {outcome}.",
            source="somebody 2017",
            explanation=("E2",),
            against=("E1",),
            decisive=("E1",) if outcome == "replicated" else (),
            predicate=Greater(outcome, "gan", "l1"),
            smallest_effect=0.1,
            unit="sharper",
            deviations=(
                Deviation("steps", "few epochs instead of 200", "blurrier, and furthest from where they settle").helps,
            ),
            checks=(PASSED, FAILED) if outcome == "untestable" else (PASSED,),
            post_hoc=outcome == "negligible",
        )
        for outcome in MEANS
    ]
    at_share = [_at(share) for share in SHARES]
    scores = Scores(at_share[-1].values, dict(zip(SHARES[:-1], at_share[:-1], strict=True)))
    registered = {f"pix2pix/{claim.id}": REGISTERED for claim in claims if claim.id != "is_inconclusive"}
    return judge(claims, {"pix2pix": scores}, SEEDS, study, registered)


def _at(share: float) -> Scores:
    effects = {outcome: of[SHARES.index(share)] for outcome, of in EFFECTS.items()}
    noise = dict(zip(SEEDS, SPREAD, strict=True))
    values = {("l1", outcome): dict.fromkeys(SEEDS, 0.0) for outcome in effects}
    values |= {("gan", outcome): {s: effect + noise[s] for s in SEEDS} for outcome, effect in effects.items()}
    values |= {("gan", "modes"): dict.fromkeys(SEEDS, 9.5), ("gan", "kid"): {s: 0.3 + noise[s] for s in SEEDS}}
    return Scores(values | {("blurred", "kid"): dict.fromkeys(SEEDS, 0.1)})


def five_in(study: str = "root") -> list[dict]:
    """The same as they stand in verdicts.json."""
    return [verdict.as_json() for verdict in five(study)]


def test_the_five_are_what_they_are_called():
    assert {verdict.id: verdict.verdict for verdict in five()} == {f"is_{outcome}": outcome for outcome in MEANS}
    assert [verdict.if_tested for verdict in five()] == [*list(MEANS)[:-1], "replicated"]
    assert list(report.SIGNS) == list(MEANS)


def write(folder, content) -> None:
    """Verdicts, and two environments that their runs were made in."""
    made = ((1, "a"), (2, "b"), (3, "b"))
    rest = dict.fromkeys(RUN, "0" * 64)
    rows = [{**rest, "variant": "l1", "seed": seed, "environment": name, "code_sha256": TODAY} for seed, name in made]
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
    assert rows[0][3].startswith("≈ negligible<br>")
    assert rows[1][2].startswith("✘ contradicted<br>-1 [")
    assert {len(row) for row in rows} == {4}
    said_of = "**{}** study: {} replicated, {} contradicted, {} negligible, 0 inconclusive, 0 untestable. Runs: 1 in "
    assert f"{said_of.format('root', 1, 1, 0)}numpy 0, Python ?, made up;" in said
    assert said_of.format("real", 0, 0, 2) in said


def test_the_five_outcomes_stand_there_with_signs_and_marks(tmp_path):
    write(tmp_path, five_in())
    said = table(tmp_path)
    assert "1 replicated, 1 contradicted, 1 negligible, 1 inconclusive, 1 untestable." in said
    cells = {row[0].partition(".")[0].removeprefix("**pix2pix** It is "): row for row in rows_of(said)[2:]}
    for outcome, sign in zip(MEANS, report.SIGNS.values(), strict=True):
        assert cells[outcome][2].startswith(f"{sign}<br>")
        glyph, _, word = sign.partition(" ")
        assert (len(glyph), word) == (1, outcome)
    assert len({sign[0] for sign in report.SIGNS.values()}) == 5, "they are told apart without colour"
    assert cells["replicated"][2].endswith("<br>settled")
    assert cells["contradicted"][2].endswith("<br>not settled")
    assert cells["untestable"][2] == "⊘ untestable<br>(+1 [+0.98, +1.02] sharper)<br>settled"
    assert cells["negligible"][0].startswith("**pix2pix** It is negligible. (E2, against E1; post hoc)<br>")
    assert sum("post hoc" in row[0] for row in cells.values()) == 1
    write(tmp_path, verdicts("root"))
    assert rows_of(table(tmp_path))[2][2].endswith("sharper<br>settled?")


def test_explanations_stand_before_the_claims_with_what_decisive_claims_show(tmp_path):
    write(tmp_path, five_in())
    write(tmp_path / "real", verdicts("real"))
    (header, ruler, *rows), (first, *_) = tables_of(table(tmp_path))
    assert header == [
        *("explanation", "what would count for it", "what would count against it", "what the decisive claims show")
    ]
    assert ruler == ["---"] * 4
    assert first[0] == "claim"
    assert [row[0] for row in rows] == [f"**{e}** {one.name}: {one.says}" for e, one in EXPLANATIONS.items()]
    assert [row[1:3] for row in rows] == [[one.counts_for, one.counts_against] for one in EXPLANATIONS.values()]
    assert rows[0][3] == "Against it: `is_replicated` in root."
    assert {row[3] for row in rows[1:]} == {"No decisive claim could show anything yet."}


def section(markdown: str, begins: str) -> str:
    """From a line that begins so to the next bold one, or the table."""
    return markdown[markdown.index(begins) :].split("\n\n**")[0].split("\n\nEvery claim.")[0]


def test_what_is_contradicted_or_negligible_is_listed_with_effect_and_reason(tmp_path):
    said = five_in()
    said[1]["reason"] = "it learns | slowly"
    write(tmp_path, said)
    write(tmp_path / "real", [one | {"verdict": "negligible"} for one in five_in("real")[1:2]])
    listed = section(table(tmp_path), "**What did not replicate**")
    assert [line for line in listed.splitlines() if line.startswith("- ")] == [
        r'- **pix2pix** "It is contradicted." *root*: ✘ contradicted, -0.8 [-0.82, -0.78] sharper: it learns \| '
        "slowly. *real*: ≈ negligible, -0.8 [-0.82, -0.78] sharper.",
        '- **pix2pix** "It is negligible." *root*: ≈ negligible, +0 [-0.0196, +0.0196] sharper.',
    ]
    write(tmp_path, five_in()[:1])
    write(tmp_path / "real", [])
    assert "**What did not replicate**: nothing was contradicted, and no effect" in table(tmp_path)


def test_what_could_not_be_tested_is_summed_up_by_the_check_that_failed(tmp_path):
    twice = five_in()[-1]
    write(tmp_path, [*five_in(), twice | {"id": "another"}])
    write(tmp_path / "real", five_in("real"))
    listed = section(table(tmp_path), "**What could not be tested**")
    assert [line for line in listed.splitlines() if line.startswith("- ")] == [
        "- failed: the GAN is near photographs (gan; 2 claims in *root*, 1 claim in *real*)"
    ]
    assert "no quality check" not in listed
    write(tmp_path, verdicts("root"))
    write(tmp_path / "real", five_in("real")[:3])
    said = section(table(tmp_path), "**What could not be tested**")
    assert "nothing failed a quality check. 2 of 5 verdicts are on claims that name no quality check." in said


def test_a_check_that_is_asked_of_several_variants_is_one(tmp_path):
    """And a claim that fails it with two of its variants is counted once."""
    said = five_in()[-1]
    failed = [{**said["checks"][1], "what": f"samples of {name} are near", "variant": name} for name in ("gan", "vae")]
    learned = said["checks"][1] | {"what": "pca has learned what the best pca does", "variant": "pca"}
    write(tmp_path, [said | {"id": "both", "checks": failed}, said | {"id": "one", "checks": [failed[1], learned]}])
    listed = section(table(tmp_path), "**What could not be tested**")
    assert [line for line in listed.splitlines() if line.startswith("- ")] == [
        "- failed: samples of a variant are near (gan, vae; 2 claims in *root*)",
        "- failed: a variant has learned what the best pca does (pca; 1 claim in *root*)",
    ]


def test_what_the_register_says_is_summed_up_and_names_the_claims_where_they_are_few(tmp_path):
    said = five_in()
    said[0]["registered"] = "changed after its runs: bound 1 → 2"
    write(tmp_path, said)
    write(tmp_path / "real", five_in("real"))
    listed = section(table(tmp_path), "**When the claims were written down**")
    assert [line for line in listed.splitlines() if line.startswith("- ")] == [
        "- changed after its runs: bound 1 → 2 (pix2pix/is_replicated in *root*)",
        f"- {REGISTERED} (3 claims in *root*, 4 claims in *real*)",
    ]
    write(tmp_path, verdicts("root"))
    write(tmp_path / "real", verdicts("real"))
    assert "written down" not in table(tmp_path), "a register that says nothing"


def test_withdrawn_claims_stand_there_with_their_reasons(tmp_path):
    write(tmp_path, five_in())
    assert "ithdrawn" not in table(tmp_path, ())
    said = table(tmp_path, [("pix2pix/old", "a | tautology")])
    assert section(said, "**Withdrawn claims**").splitlines()[-1] == r"- pix2pix/old: a \| tautology"
    assert report.everything(tmp_path, [("pix2pix/old", "why")]).withdrawn == (("pix2pix/old", "why"),)


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


def test_what_checks_and_the_register_say_is_text_and_no_markup(tmp_path):
    hostile = "a | b\n\n# c <b>d</b> [e](javascript:f)"
    one = five_in()[-1]
    one["registered"] = hostile
    one["checks"][1] |= {"what": hostile, "why": hostile, "variant": hostile, "instrument": hostile}
    write(tmp_path, [one])
    tiny.write_params(tmp_path, tiny.params())
    declared = study.load(tmp_path)
    withdrawn = [(f"pix2pix/{hostile}", hostile)]
    for said in (table(tmp_path, withdrawn), report.of_study(declared, [one], withdrawn)):
        assert said.count("&lt;b&gt;d&lt;/b&gt;") >= 3
        assert "<b>" not in said
        assert "](javascript" not in said
        assert "\n# c" not in said


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


READMES = tiny.READMES


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A folder with a study at its root and a README, where the command works."""
    tiny.write_params(tmp_path, tiny.params())
    tiny.write_readmes(tmp_path, README)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_writes_page_and_table_and_repeats_its_bytes(repository, capsys):
    write(repository, verdicts("root", statement="β grows."))
    assert report.main([]) == 0
    page = (repository / "results" / "verdicts.md").read_text(encoding="utf-8")
    readme = (repository / "results" / "README.md").read_text(encoding="utf-8")
    for words in (
        "# Verdicts of the root study",
        "## it_sharpens: replicated",
        "## it_blurs: contradicted",
        "β grows.",
    ):
        assert words in page
    for words in (
        "(somebody 2017; E2, E3)",
        "nets trained with 5 seeds",
        "gan over l1, by sharpness",
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


def told(repository, content: list[dict], id: str) -> str:
    """What verdicts.md says of one claim, from its heading to the next."""
    write(repository, content)
    assert report.main([]) == 0
    page = (repository / "results" / "verdicts.md").read_text(encoding="utf-8")
    return page.split(f"\n## {id}: ")[1].split("\n## ")[0]


def of(outcome: str, **changes) -> list[dict]:
    return [one | changes for one in five_in() if one["verdict"] == outcome]


def test_what_was_compared_is_told_and_on_what_data(repository, monkeypatch):
    assert (
        "- **Compared**: gan over l1, by replicated; nets trained with 5 seeds, compared seed by seed, on drawn "
        "street houses (pix2pix: drawn facades), whose distribution is known exactly.\n"
    ) in told(repository, of("replicated"), "is_replicated")
    assert report.data("paper") == "real images at the papers' own size"
    assert report.data("mine") == "the data of the mine study"
    half = Claim(
        **{"id": "both", "replication": "pix2pix", "statement": "Both.", "source": "-", "explanation": ("E2",)},
        predicate=Both(Greater("replicated", "gan", "l1"), 0.1, Greater("modes", "gan", "l1"), 0.1),
        smallest_effect=1.0,
        unit="times the smallest effect",
    )
    scores = _at(1.0)
    scores = Scores({**scores.values, ("l1", "modes"): dict.fromkeys(SEEDS, 0.0)})
    ((one,),) = [judge([half], {"pix2pix": scores}, SEEDS, "root")]
    assert report.compared(one.as_json()) == "gan over l1, by replicated (the half of the claim that decides)"


def test_a_quality_check_is_told_with_value_bound_seeds_and_why(repository):
    said = told(repository, of("untestable"), "is_untestable")
    assert "- **Had the nets learned?** No, 1 of 2 quality checks failed:\n" in said
    assert (
        "  - ✓ passed: the GAN shows as many modes as photographs. modes of gan is 9.5, required: at least 9 "
        "(5 of 5 seeds reach it). Why this bound: nine of ten.\n"
    ) in said
    assert (
        "  - ✗ failed: the GAN is near photographs. kid of gan is 0.3, required: at most 0.2 (0 of 5 seeds reach "
        "it). Why this bound: blur \\| is bad.\n"
    ) in said
    said = told(repository, of("replicated"), "is_replicated")
    assert "- **Had the nets learned?** Yes, as far as was asked:\n  - ✓ passed: the GAN shows" in said
    said = told(repository, verdicts("root"), "it_sharpens")
    assert "- **Had the nets learned?** Not known: the claim names no quality check.\n- **Had it settled?**" in said


def test_what_could_not_be_tested_says_so_first_and_what_the_outcome_would_be(repository):
    said = told(repository, of("untestable"), "is_untestable")
    assert said.split("\n\n")[2] == (
        f"**It could not be tested**: {MEANS['untestable']}. Asked: the GAN is near photographs. Seen: kid of gan is "
        "0.3, required: at most 0.2 (0 of 5 seeds reach it). Had every check been passed, the outcome would be "
        f"*replicated*: {MEANS['replicated']}."
    )
    assert "Effect: +1 [+0.98, +1.02] sharper, which says nothing about the claim." in said
    assert "the outcome that it would have, replicated, does not count (p = 1)" in said
    assert "could not be tested" not in told(repository, of("inconclusive"), "is_inconclusive")


def test_whether_it_settled_is_told_with_the_effect_at_each_snapshot(repository):
    said = told(repository, of("replicated"), "is_replicated")
    assert (
        "- **Had it settled?** Yes: the last doubling of the training changed the effect by +0.03, where 0.1 either "
        "way would matter.\n"
    ) in said
    snapshots, _ = tables_of(said)
    assert snapshots == [
        ["share of the training", "effect [95 %]"],
        ["---", "---"],
        ["25 %", "+0.5 [+0.48, +0.52] sharper"],
        ["50 %", "+0.97 [+0.95, +0.99] sharper"],
        ["100 %", "+1 [+0.98, +1.02] sharper"],
    ]
    said = told(repository, of("contradicted"), "is_contradicted")
    assert (
        "No: the last doubling of the training changed the effect by -0.4, where 0.1 either way would matter." in said
    )
    assert "With more training the outcome may differ." in said
    only = told(repository, verdicts("root"), "it_sharpens")
    assert "- **Had it settled?** Not known: only the end of training was measured.\n" in only
    assert len(tables_of(only)) == 1, "of the deviations alone"
    skipped = of("replicated", moved=None, settled=None)
    assert "Not known: half of the training was not measured." in told(repository, skipped, "is_replicated")
    ratio = of("replicated")[0] | {"scale": "log_ratio", "moved": -0.1, "smallest_effect": 0.2}
    assert "changed the effect by a factor of 0.905, where a factor of 1.22 either way" in report.settling(ratio)


def test_a_claim_that_something_is_no_worse_has_a_margin(repository):
    said = told(repository, of("inconclusive", smallest_effect=-0.1), "is_inconclusive")
    assert ". Margin that was claimed: no lower than -0.1 sharper. Published:" in said
    assert "where 0.1 either way would matter" in said


@pytest.mark.parametrize("outcome", MEANS)
def test_the_outcome_is_told_in_words(repository, outcome):
    said = told(repository, five_in(), f"is_{outcome}")
    assert said.startswith(f"{outcome}\n\nIt is {outcome}. *(somebody 2017; E2, against E1)*\n")
    assert f"- **What came out**: {outcome}: {MEANS[outcome]}. Effect: " in said
    page = (repository / "results" / "verdicts.md").read_text(encoding="utf-8")
    assert f"| {report.SIGNS[outcome]} | 1 | {MEANS[outcome]} |" in page


@pytest.mark.parametrize(
    ("flip_chance", "said"),
    [(0.0, "less than 1 %"), (0.0049, "less than 1 %"), (0.07, "about 7 %"), (0.5, "about 50 %")],
)
def test_how_sure_it_is_is_told_in_words(repository, flip_chance, said):
    sure = told(repository, of("contradicted", flip_chance=flip_chance, p_adjusted=0.012), "is_contradicted")
    assert (
        "- **How sure is it?** The 95 % interval reaches from -0.82 to -0.78; p, adjusted for all claims of the "
        f"study, is 0.012. 5 fresh seeds would give another outcome with a chance of {said}. p-values: for an effect "
    ) in sure


def test_when_it_was_written_down_is_told(repository):
    assert f"- **When was it written down?** W{REGISTERED[1:]}.\n" in told(repository, five_in(), "is_replicated")
    assert "- **When was it written down?** The register does not say.\n" in told(
        repository, five_in(), "is_inconclusive"
    )
    said = told(repository, five_in(), "is_negligible")
    assert f"- **When was it written down?** W{REGISTERED[1:]}. {report.POST_HOC}\n" in said
    assert f"\nDecisive about E1: {report.DECISIVE}.\n" in told(repository, five_in(), "is_replicated")


def test_withdrawn_claims_end_the_page_of_a_study(repository):
    write(repository, five_in())
    declared = study.load(".")
    withdrawn = [("pix2pix/old", "a tautology"), ("vq_vae/other", "of a replication that the study does not have")]
    said = report.of_study(declared, five_in(), withdrawn)
    assert said.split("## Withdrawn claims\n")[1].strip().splitlines()[-1] == "- pix2pix/old: a tautology"
    assert "vq_vae" not in said
    assert "ithdrawn" not in report.of_study(declared, five_in(), ())


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
    for ceiling, said in (
        ({"1": {"pixel_accuracy": 0.91}, "2": {"pixel_accuracy": 0.93}}, "| 0.92 [0.79, 1.05] |"),
        ({"1": {"pixel_accuracy": 0.91}}, "| 0.91 |"),
    ):
        (repository / "results" / "readers.json").write_text(json.dumps({"segmentation": ceiling}))
        assert report.main([]) == 0
        page = (repository / "replications" / "pix2pix" / "README.md").read_text(encoding="utf-8")
        assert "0.50 [0.40, 0.62]" in page
        assert "0.42" in page, "published for L1 in table 1"
        assert said in page


def test_a_table_has_the_columns_that_hold_a_number():
    shown = PublishedTable("t", ("psnr", "rate"), {"a": (20.0, None), "b": (None, None)})
    ours = {"root": {("a", "rate"): "3 [2, 4]"}, "real": {("c", "psnr"): "1"}}
    assert report.columns_of(shown, ours) == {
        "psnr, published": {"a": report.short(20.0), "b": "–"},
        "rate, root": {"a": "3 [2, 4]", "b": "–"},
    }


def test_damaged_verdicts_are_named(repository):
    write(repository, verdicts("root"))
    path = repository / "results" / "verdicts.json"
    path.write_text(path.read_text()[:-10])
    with pytest.raises(ReportError, match=r"results/verdicts\.json: .*run `dvc repro"):
        report.main([])


@pytest.mark.parametrize("field", ["against", "flip_chance", "checks", "registered"])
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
    "verdict": ("maybe", f"verdict = 'maybe', expected {', '.join(map(repr, list(MEANS)[:-1]))} or 'untestable'"),
    "if_tested": ("maybe", "if_tested = 'maybe', expected 'replicated', 'contradicted'"),
    "settled": ("yes", "settled = 'yes', expected a valid boolean"),
    "checks": (["passed"], "checks = 'passed', expected an object"),
    "snapshots": ([{"share": 1.0, "effect": "large", "interval": [0, 1]}], "snapshots.effect = 'large', expected a"),
    "registered": (None, "registered = None, expected a valid string"),
    "decisive": (["E9"], "decisive = 'E9', expected 'E1', 'E2', 'E3', 'E4' or 'E5'"),
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
            ["Trained by the code of commit c0ffeec0ffee, which differs from today's"],
        ),
        (("old", TODAY), {"old": "c0ffee" * 7}, ["commit c0ffeec0ffee, which differs from today's: pix2pix (1 runs)."]),
        (("old", "old"), {}, ["Trained by the code of an unknown commit."]),
    ],
    ids=["todays", "earlier", "both", "nobody's"],
)
def test_readers_are_told_what_code_the_runs_are_of(repository, digests, declared, said):
    write(repository, verdicts("root"))
    rest = dict.fromkeys(RUN, "0" * 64)
    of_run = {"variant": "l1", "environment": "a"}
    rows = [{**rest, **of_run, "seed": i, "code_sha256": one} for i, one in enumerate(digests)]
    tiny.write_rows(repository / "results" / "pix2pix" / "runs.csv", rows)
    evidence = {"pix2pix": {"trained": declared, "measured": "a" * 40}}
    (repository / "results" / "evidence.json").write_text(json.dumps(evidence), encoding="utf-8")
    assert report.main([]) == 0
    for file in ("results/README.md", "results/verdicts.md"):
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
    ]


def test_a_readme_without_markers_is_left_as_it_is(repository):
    write(repository, verdicts("root"))
    (repository / "README.md").write_text("mine")
    with pytest.raises(ReportError):
        report.main([])
    assert (repository / "README.md").read_text() == "mine"
