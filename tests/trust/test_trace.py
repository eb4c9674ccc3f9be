"""Each link from a verdict to its data, broken in a copy of what is committed, is named; and no other link is."""

import copy
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from replications import code, locks, runs, study
from replications.errors import ReplicationError
from replications.judging import register
from replications.results import read_environments, read_runs
from replications.trust import chain, trace
from replications.trust.trace import TraceError
from tests import tiny

ROOT = Path(__file__).parent.parent.parent
REGISTERED = (ROOT / register.FILE).exists()
CLAIM = "adversarial_term_sharpens"
SEEDS = study.load(ROOT).seeds_of("pix2pix")
HERE = {"cpu": "another", "packages": {"tensorflow": "9.9"}}


@pytest.fixture
def tree(tmp_path, monkeypatch) -> Path:
    """A copy of the bundled study as it is committed, without its runs, and of the code; the working directory."""
    for file in ("params.yaml", "dvc.lock", "data.dvc", "README.md", *[register.FILE.name] * REGISTERED):
        shutil.copy(ROOT / file, tmp_path / file)
    for folder in ("results", "real/results", "paper/results", "replications"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(code, "PACKAGE", tmp_path / "replications")
    return tmp_path


def broken(here: dict = HERE) -> dict[str, tuple[str, ...]]:
    """The broken links of one claim, with what is said of them."""
    declared = study.load(".")
    return {
        link.name: link.problems for link in trace.trace(declared, trace.find(declared, CLAIM), here) if link.problems
    }


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_an_untouched_copy_holds(tree):
    assert broken() == {}


def altered_score(tree: Path) -> None:
    path = tree / "results" / "pix2pix" / "scores.csv"
    rows, wanted = (
        tiny.read_rows(path),
        {"variant": "l1_cgan", "seed": str(SEEDS[0]), "instrument": "laplacian_variance"},
    )
    row = next(one for one in rows if wanted.items() <= one.items() and float(one.get("snapshot", 1)) == 1)
    row["score"] = f"{float(row['score']) * 1.01:.6g}"
    tiny.write_rows(path, rows)


def altered_verdict(tree: Path) -> None:
    path = tree / "results" / "verdicts.json"
    entries = json.loads(path.read_text(encoding="utf-8"))
    next(entry for entry in entries if entry["id"] == CLAIM)["effect"] += 0.1
    path.write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def altered_lock(tree: Path) -> None:
    path, wanted = tree / "dvc.lock", chain.md5(tree / "results/pix2pix/scores.csv")
    text = path.read_text(encoding="utf-8")
    assert wanted in text
    path.write_text(text.replace(wanted, "a" * 32), encoding="utf-8")


def altered_images(tree: Path) -> None:
    path = tree / "results" / "pix2pix" / "runs.csv"
    row = next(line for line in path.read_text().splitlines() if line.startswith(f"l1_cgan,{SEEDS[0]},"))
    edit(path, row, row.replace(row.split(",")[2], "b" * 64))


def altered_params(tree: Path) -> None:
    edit(tree / "params.yaml", "  lambda_l1: 100.0", "  lambda_l1: 99.0")


def altered_shard(tree: Path) -> None:
    arrays = tree / "arrays" / "facade_world-32.npz"
    arrays.parent.mkdir()
    arrays.write_bytes(b"other arrays")


def altered_pin(tree: Path) -> None:
    pin = (tree / "data.dvc").read_text(encoding="utf-8").split("md5: ")[1].split()[0]
    edit(tree / "data.dvc", pin, "c" * 32 + ".dir")


def altered_instrument(tree: Path) -> None:
    with (tree / "replications" / "instruments" / "sharpness.py").open("a") as file:
        file.write("\nCHANGED = True\n")


def altered_readme(tree: Path) -> None:
    edit(tree / "results" / "README.md", " ✔ replicated<br>", " ✔ Replicated<br>")


def altered_environment(tree: Path) -> None:
    edit(tree / "results" / "pix2pix" / "environments.json", '"cpu": "', '"cpu": "the new ')


BREAKS = [
    (altered_score, {"verdict", "scores"}, "results/pix2pix/scores.csv: its bytes are not those that stage measure"),
    (altered_verdict, {"texts", "verdict"}, f"claim pix2pix/{CLAIM}, study root: effect is"),
    (altered_lock, {"scores"}, "a" * 32),
    (altered_images, {"runs"}, "results/pix2pix/runs.csv: its bytes are not those that stage measure@pix2pix wrote"),
    (
        altered_params,
        {"parameters", *["register", "verdict"] * REGISTERED},
        "params.yaml: pix2pix.lambda_l1 is 99.0, but stage",
    ),
    (altered_shard, {"data"}, "its bytes are not those that stage arrays@facade_world-32 exported"),
    (altered_pin, {"data"}, "data.dvc: pins other data than stage arrays@facade_world-32 read"),
    (altered_instrument, {"instruments"}, "dvc.lock: stage measure@pix2pix ran with other code than today's"),
    (altered_readme, {"texts"}, "README.md shows"),
    (altered_environment, {"texts", "environment"}, "environments.json: its bytes are not those that stage"),
]


@pytest.mark.parametrize(("alter", "links", "words"), BREAKS, ids=[alter.__name__ for alter, *_ in BREAKS])
def test_a_broken_link_is_named_and_no_other(tree, alter, links, words):
    alter(tree)
    said = broken()
    assert set(said) == links
    problems = [problem for problems in said.values() for problem in problems]
    assert any(words in problem for problem in problems), problems
    remedies = ("run `dvc ", "dvc checkout", "run `python -m replications register")
    assert all(any(remedy in problem for remedy in remedies) for problem in problems), "each with its remedy"
    assert not any("\n" in problem for problem in problems)


def other_drawing(lock: dict) -> None:
    """As if the stage that draws the street had drawn another one since its arrays were exported."""
    lock["data@enumerable_street-32"]["outs"][0]["md5"] = "d" * 32 + ".dir"


def no_drawing(lock: dict) -> None:
    del lock["data@enumerable_street-32"]


@pytest.mark.parametrize(
    ("alter", "words"),
    [
        (other_drawing, "read other data than data@enumerable_street-32 built; run `dvc repro --pull"),
        (no_drawing, "neither data.dvc nor a stage of dvc.lock made it; run `dvc repro --pull"),
    ],
)
def test_data_that_a_stage_draws(tree, monkeypatch, alter, words):
    lock = copy.deepcopy(locks.stages(tree))
    assert list(chain.data_problems(Path(), "enumerable_street-32")) == []
    alter(lock)
    monkeypatch.setattr(locks, "stages", lambda _: lock)
    (problem,) = chain.data_problems(Path(), "enumerable_street-32")
    assert words in problem


EARLIER = "e" * 64


def of_earlier_code(tree: Path) -> None:
    """As if other code than today's had trained all runs of the claim."""
    path = tree / "results" / "pix2pix" / "runs.csv"
    tiny.write_rows(path, [{**row, "code_sha256": EARLIER} for row in tiny.read_rows(path)])


def test_other_training_code_is_named(tree):
    of_earlier_code(tree)
    (tree / "results" / "evidence.json").write_text("{}\n", encoding="utf-8")
    (first, *_) = broken()["code"]
    assert "which is not today's, and results/evidence.json names no commit for it" in first
    assert "run `python -m replications evidence --study .`" in first


def test_a_commit_that_has_other_code_is_named(tree):
    """The first commit of the repository trained nothing."""
    of_earlier_code(tree)
    first = subprocess.run(["git", "rev-list", "--max-parents=0", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    commit = first.stdout.split()[0]
    declared = {"pix2pix": {"trained": {EARLIER: commit}, "measured": commit}}
    (tree / "results" / "evidence.json").write_text(json.dumps(declared), encoding="utf-8")
    assert all(commit in problem for problem in broken()["code"])


def test_a_replication_that_was_just_begun_breaks_no_other_chain(tree):
    declared = study.load(".")
    begun = replace(declared, variants={**declared.variants, "just_begun": declared.variants["pix2pix"]})
    assert not [link for link in trace.trace(begun, trace.find(declared, CLAIM), HERE) if link.problems]


def test_a_run_on_this_machine_that_is_not_the_one_that_was_measured_is_named(tree):
    declared = study.load(".")
    run = next(run for run in declared.runs("pix2pix") if run.variant == "l1")
    facts = {"facts": {}, "environment": HERE, **runs.identity(run, "e" * 64, "f" * 64)}
    runs.write(runs.folder(declared, run), b"not even images", facts)
    assert set(broken()) == {"runs"}


def test_drift_of_the_environment_is_shown_and_breaks_nothing(tree):
    declared = study.load(".")
    links = trace.trace(declared, trace.find(declared, CLAIM), HERE)
    (environment,) = [link for link in links if link.name == "environment"]
    assert environment.problems == ()
    assert any("differs from this machine" in line and "here another" in line for line in environment.shown)
    same = next(iter(read_environments(Path(), "pix2pix").values()))
    links = trace.trace(declared, trace.find(declared, CLAIM), same)
    assert any("as here" in line for line in links[-1].shown)


@pytest.mark.parametrize(("key", "broken_links"), [("environment", set()), ("images_sha256", {"runs"})])
def test_a_run_of_another_environment_is_the_same_run_if_its_bytes_are(tree, monkeypatch, key, broken_links):
    declared = study.load(".")
    row = read_runs(Path(), "pix2pix")["l1_cgan", SEEDS[0]]
    (run,) = (run for run in declared.runs("pix2pix") if (run.variant, run.seed) == ("l1_cgan", SEEDS[0]))
    runs.folder(declared, run).mkdir(parents=True)
    read = runs.read
    monkeypatch.setattr(runs, "read", lambda declared, one: None if one == run else read(declared, one))
    monkeypatch.setattr(runs, "provenance", lambda _: row | {key: "0" * len(row[key])})
    assert set(broken()) == broken_links
    links = trace.trace(declared, trace.find(declared, CLAIM), HERE)
    shown = [line for link in links if link.name == "runs" for line in link.shown if "another environment" in line]
    assert len(shown) == (key == "environment")


def test_the_command_shows_every_link_and_says_by_its_status_whether_they_hold(tree, capsys, monkeypatch):
    monkeypatch.setattr(chain, "environment_now", lambda: HERE)
    assert trace.main([f"pix2pix/{CLAIM}"]) == 0
    said = capsys.readouterr().out
    links = ("texts", "verdict", "register", "scores", "instruments", "runs", "parameters", "code", "data")
    for words in (*links, "environment"):
        assert f"✔ {words}" in said
    assert f"seeds {', '.join(map(str, SEEDS))}:" in said
    assert "deviation (steps):" in said
    assert "every link holds" in said
    altered_score(tree)
    assert trace.main([CLAIM]) == 1
    said = capsys.readouterr().out
    assert "✘ scores" in said
    assert "broken: verdict, scores" in said
    assert trace.main([CLAIM, "--json"]) == 1
    links = json.loads(capsys.readouterr().out)
    assert [link["name"] for link in links if link["problems"]] == ["verdict", "scores"]


# --- the register --------------------------------------------------------------------------------------------------


@pytest.fixture
def book(tree) -> Path:
    """The copy's register: one entry that says what is here."""
    entry = register.Entry(0, "a" * 40, True, None, register.here())
    register.FILE.write_text(register.as_line(entry, None), encoding="utf-8")
    judged_by(None)
    return register.FILE


def judged_by(digest: str | None) -> None:
    """Writes into the copy's lock which register was judged by; None: there was none."""
    lock = YAML(typ="safe").load(Path("dvc.lock"))
    deps = [dep for dep in lock["stages"]["judge"]["deps"] if dep["path"] != str(register.FILE)]
    lock["stages"]["judge"]["deps"] = deps + [{"path": str(register.FILE), "md5": digest}] * (digest is not None)
    Path("dvc.lock").write_text(json.dumps(lock), encoding="utf-8")


def of_register() -> tuple[str, ...]:
    """What is shown of the register, and what is wrong with it."""
    declared = study.load(".")
    claim = trace.find(declared, CLAIM)
    link = trace._register(declared, claim)
    return (*link.shown, *link.problems)


def test_what_the_register_says_is_shown(book):
    (said,) = of_register()
    assert said == f"register.jsonl: first registered after its runs (entry 0, commit {'a' * 7})"


def test_without_a_register_a_claim_was_never_registered(book):
    book.unlink()
    assert of_register() == ("register.jsonl: never registered",)


def test_a_broken_chain_is_a_broken_link(book):
    book.write_text(book.read_text(encoding="utf-8") * 2, encoding="utf-8")
    shown, problem = of_register()
    assert shown.startswith("register.jsonl: not known, the register is broken: register.jsonl, line 2: it is entry 0")
    assert problem.startswith("register.jsonl, line 2: it is entry 0, expected 1: a line was")


def test_a_register_that_shrank_is_a_broken_link(book):
    identity = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org", "-c", "commit.gpgsign=false")
    for words in (("init", "-q"), ("add", str(book)), (*identity, "commit", "-qm", "registered")):
        subprocess.run(["git", *words], check=True, capture_output=True)
    _, problem = of_register()
    assert problem.startswith("register.jsonl, line 1: Git knows no commit aaaaaaaaaaaa")
    book.unlink()
    shown, problem = of_register()
    assert shown == "register.jsonl: never registered"
    assert problem.startswith("register.jsonl, line 1: commit ")


def test_a_change_that_is_not_registered_is_a_broken_link(book, tree):
    edit(tree / "params.yaml", "tuning_seeds: [101]", "tuning_seeds: [77]")
    shown, problem = of_register()
    assert shown.startswith("register.jsonl: differs from the register: tuning_seeds 101 → 77; first")
    assert problem.startswith(f"claim pix2pix/{CLAIM}, study root: differs from register.jsonl: tuning_seeds 101 → 77")
    assert "; run `python -m replications register" in problem


def test_a_claim_that_is_not_in_the_register_is_a_broken_link(book):
    entry = register.load().entries[0]
    others = {key: value for key, value in entry.changed.items() if key != ("claims", f"pix2pix/{CLAIM}")}
    book.write_text(register.as_line(replace(entry, changed=others), None), encoding="utf-8")
    shown, problem = of_register()
    assert shown == "register.jsonl: never registered"
    assert f"{CLAIM}, study root: register.jsonl does not know it; run" in problem


def test_a_register_that_was_not_judged_by_is_a_broken_link(book):
    """Such as one whose last line, which no other follows, was edited."""
    judged_by(chain.md5(book))
    assert len(of_register()) == 1
    edit(book, '"reason": null', '"reason": "it was always so"')
    _, problem = of_register()
    assert problem == "register.jsonl: stage judge read another one; run `dvc repro --pull`"


@pytest.mark.parametrize("name", ["adversarial_term_sharpen", "vq_vae/adversarial_term_sharpens"])
def test_an_unknown_claim_is_one_line_with_the_nearest(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(TraceError, match=f"'{name}': the root study judges no such claim; did you mean {CLAIM}"):
        trace.find(study.load("."), name)


DAMAGES = {
    "a conflict": "<<<<<<< HEAD\n[]\n=======\n[]\n>>>>>>> other\n",
    "empty": "",
    "other keys": '{"a": null}',
    "no text": "\udcff",
}


READ = (
    *("dvc.lock", "data.dvc", "params.yaml", "register.jsonl", "results/verdicts.json"),
    *(f"results/pix2pix/{name}" for name in ("scores.csv", "controls.csv", "runs.csv", "environments.json")),
)
"""What `trace` reads."""


@pytest.mark.parametrize(
    ("file", "content"),
    [
        pytest.param(file, content, id=f"{file}-{name}", marks=[] if (i + j) % len(DAMAGES) == 0 else pytest.mark.slow)
        for i, file in enumerate(READ)
        for j, (name, content) in enumerate(DAMAGES.items())
    ],
)
def test_a_damaged_file_is_a_line_that_names_it_or_a_broken_link(tree, file, content):
    """Never a traceback, whose status of 1 would say that a check failed."""
    (tree / file).write_bytes(content.encode("utf-8", "surrogateescape"))
    try:
        broken, line = trace.main([CLAIM]), None
    except ReplicationError as error:
        broken, line = 1, str(error)
    assert broken == 1
    assert line is None or (Path(file).stem in line and "\n" not in line)
