"""What is committed, altered in a copy: each kind is noticed, also where the lock was made to agree with it."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from replications import code, nets, runs, study
from replications.judging import register
from replications.reporting import glance
from replications.trust import chain, files, verify
from tests import tiny

ROOT = tiny.ROOT
ROOM = "vq_vae"
REGISTERED = (ROOT / register.FILE).exists()


@pytest.fixture
def tree(tmp_path, monkeypatch) -> Path:
    """A copy of all that `verify` looks at of the bundled study; the working directory."""
    for folder in ("results", "real/results", "paper/results", "replications", "notebooks/nets", "validation"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in study.STUDIES:  # the register speaks of all
        for file in ("params.yaml", "dvc.yaml", "dvc.lock"):
            shutil.copy(ROOT / folder / file, tmp_path / folder / file)
    files = ("data.dvc", "paper/outputs.dvc", "code.json", "recheck.yaml", "README.md")
    for file in (*files, *[register.FILE.name] * REGISTERED):
        shutil.copy(ROOT / file, tmp_path / file)
    for path in (path for path in (ROOT / verify.BUNDLED).rglob("*") if path.is_file()):  # megabytes, linked
        link = tmp_path / path.relative_to(ROOT)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(code, "PACKAGE", tmp_path / "replications")
    return tmp_path


def agree(tree: Path, path: Path, before: str) -> None:
    """Has the lock say of a file or folder what it is now: a forger who knows DVC."""
    lock = tree / "dvc.lock"
    now = chain.md5_of_folder(path) if path.is_dir() else chain.md5(path)
    text = lock.read_text(encoding="utf-8")
    assert before in text
    lock.write_text(text.replace(before, now), encoding="utf-8")


def altered_summary(tree: Path) -> None:
    forge(tree, tree / "results" / ROOM / "summary.csv", "laplacian_variance,", "laplacian_variance,9")


def altered_curves(tree: Path) -> None:
    path = tree / "results" / ROOM / "curves.csv"
    *_, last = path.read_text(encoding="utf-8").splitlines()
    forge(tree, path, last, f"{last}1")


def altered_metrics(tree: Path) -> None:
    path = tree / "results" / ROOM / "metrics.json"
    name, value = next(iter(json.loads(path.read_text(encoding="utf-8")).items()))
    forge(tree, path, f'"{name}": {value}', f'"{name}": {value + 1}')


def altered_counts(tree: Path) -> None:
    path = tree / "results" / "metrics.json"
    n = json.loads(path.read_text(encoding="utf-8"))["replicated"]
    forge(tree, path, f'"replicated": {n}', f'"replicated": {n + 1}')


def altered_text(tree: Path) -> None:
    forge(tree, tree / "results" / "verdicts.md", "# Verdicts of the", "# Verdict of the")


def altered_verdict(tree: Path) -> None:
    path = tree / "results" / "verdicts.json"
    entries = json.loads(path.read_text(encoding="utf-8"))
    before = chain.md5(path)
    entries[0]["effect"] += 0.1
    path.write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    agree(tree, path, before)


def invented_verdict(tree: Path) -> None:
    path = tree / "results" / "verdicts.json"
    entries = json.loads(path.read_text(encoding="utf-8"))
    before = chain.md5(path)
    path.write_text(
        json.dumps([*entries, {**entries[0], "id": "invented"}], indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    agree(tree, path, before)


def altered_picture(tree: Path) -> None:
    path = tree / "results" / "at_a_glance_causes.png"
    before = chain.md5(path)
    with Image.open(path) as picture:
        moved = picture.convert("RGB")
    moved.paste("white", (300, 100, 320, 120))
    moved.paste("red", (300, 100, 320, 120))
    moved.save(path)
    agree(tree, path, before)


def moved_point(tree: Path) -> None:
    """One cell's blur is a tenth larger."""
    picture_of_other_scores(tree, "blur", 0.1)


def other_sharpness(tree: Path) -> None:
    """Another number stands below a column, and the points are the same."""
    picture_of_other_scores(tree, "laplacian_variance", -0.02)


def picture_of_other_scores(tree: Path, instrument: str, difference: float) -> None:
    """The picture that another mean of kl_adversary would give, beside the summary as it is."""
    path = tree / "results" / "causes" / "summary.csv"
    rows, text = tiny.read_rows(path), path.read_text(encoding="utf-8")
    row = next(one for one in rows if (one["variant"], one["instrument"]) == ("kl_adversary", instrument))
    row |= {key: str(float(row[key]) + difference) for key in ("mean", "low", "high")}
    tiny.write_rows(path, rows)
    drawn, picture = glance.draw(study.load("."), "causes"), tree / "results" / "at_a_glance_causes.png"
    path.write_text(text, encoding="utf-8")
    before = chain.md5(picture)
    picture.write_bytes(drawn)
    agree(tree, picture, before)


def altered_environment(tree: Path) -> None:
    forge(tree, tree / "results" / ROOM / "environments.json", '"cpu": "', '"cpu": "the new ')


def dropped_run(tree: Path) -> None:
    path = tree / "results" / ROOM / "runs.csv"
    rows, before = tiny.read_rows(path), chain.md5(path)
    tiny.write_rows(path, rows[1:])
    agree(tree, path, before)


def undeclared_run(tree: Path) -> None:
    path = tree / "results" / ROOM / "runs.csv"
    rows, before = tiny.read_rows(path), chain.md5(path)
    tiny.write_rows(path, [*rows, {**rows[0], "seed": "99"}])
    agree(tree, path, before)


def altered_object(tree: Path) -> None:
    path = objects_of(tree)[0]
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.unlink()
    path.write_bytes(content)


def objects_of(tree: Path) -> list[Path]:
    """The bundled objects, lists of others last."""
    return sorted((path for path in (tree / verify.BUNDLED).rglob("*") if path.is_file()), key=lambda one: one.suffix)


def missing_object(tree: Path) -> None:
    objects_of(tree)[0].unlink()


def missing_list(tree: Path) -> None:
    objects_of(tree)[-1].unlink()


def unnamed_object(tree: Path) -> None:
    path = tree / verify.BUNDLED / "d4" / "1d8cd98f00b204e9800998ecf8427e"
    path.parent.mkdir()
    path.write_bytes(b"")


def edited(file: str, old: str, new: str) -> Callable[[Path], None]:
    """A file in which other words stand, where the lock says nothing of it."""

    def edit(tree: Path) -> None:
        text = (tree / file).read_text(encoding="utf-8")
        assert old in text
        (tree / file).write_text(text.replace(old, new, 1), encoding="utf-8")

    edit.__name__ = f"{Path(file).name.replace('.', '_')}_says_{new.strip()[:12]}"
    return edit


def painted_sheet(tree: Path) -> None:
    path = tree / "results" / ROOM / "sheet.png"
    before = chain.md5(path)
    with Image.open(path) as sheet:
        painted = sheet.convert("RGB")
    painted.paste("red", (painted.width // 2, painted.height // 2, painted.width, painted.height))
    painted.save(path)
    agree(tree, path, before)


def other_column(tree: Path) -> None:
    """One picture of a column of the pictures, and the lock agrees."""
    folder = tree / "results" / ROOM / "columns"
    before = chain.md5_of_folder(folder)
    with Image.open(folder / "02.png") as strip:
        changed = strip.convert("RGB")
    changed.paste("red", (0, 0, 8, 8))
    changed.save(folder / "02.png")
    agree(tree, folder, before)


def stray_file(tree: Path) -> None:
    (tree / "results" / "extra.csv").write_text("a\n1\n", encoding="utf-8")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "add", "--force", "results"], check=True)


def altered_validation(tree: Path) -> None:
    """A number of a text, and the lock agrees."""
    path = tree / "validation" / "judge.md"
    before, text = chain.md5(path), path.read_text(encoding="utf-8")
    number = re.search(r"\d\.\d %", text)
    assert number
    path.write_text(text.replace(number[0], "0.1 %", 1), encoding="utf-8")
    lock = tree / "validation" / "dvc.lock"
    lock.write_text(lock.read_text(encoding="utf-8").replace(before, chain.md5(path)), encoding="utf-8")


def altered_score(tree: Path) -> None:
    path = tree / "results" / ROOM / "scores.csv"
    rows = tiny.read_rows(path)
    row = next(one for one in rows if one["snapshot"] == "1")
    row["score"] = f"{float(row['score']) * 1.01:.6g}"
    before = chain.md5(path)
    tiny.write_rows(path, rows)
    agree(tree, path, before)


def bundled_net(tree: Path) -> Path:
    return next((tree / nets.BUNDLED).rglob(nets.SMALL))


def torn_net(tree: Path) -> None:
    path = bundled_net(tree)
    path.write_bytes(path.read_bytes()[:1000])


def altered_net(tree: Path) -> None:
    """A whole archive, in which one kernel is zero."""
    path = bundled_net(tree)
    with np.load(path) as archive:
        weights = dict(archive)
    first = next(iter(weights))
    path.write_bytes(tiny.npz({**weights, first: 0 * weights[first]}))


def net_of_other_weights(tree: Path) -> None:
    path = bundled_net(tree).with_name(nets.DIGESTS)
    digests = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**digests, "weights.npz": 64 * "0"}), encoding="utf-8")


def net_without_digests(tree: Path) -> None:
    bundled_net(tree).with_name(nets.DIGESTS).unlink()


def net_of_another_run(tree: Path) -> None:
    """Facts that agree with themselves and with the weights, but of no run that was measured."""
    path = bundled_net(tree).with_name("facts.json")
    facts = json.loads(path.read_text(encoding="utf-8"))
    facts["facts"]["objective"] = 0.0
    facts["facts_json_sha256"] = runs.digest_of_facts(facts)
    path.write_text(json.dumps(facts), encoding="utf-8")


def net_of_no_run(tree: Path) -> None:
    folder = bundled_net(tree).parent
    shutil.copytree(folder, folder.with_name("99"))


def forge(tree: Path, path: Path, old: str, new: str) -> None:
    before, text = chain.md5(path), path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    agree(tree, path, before)


def objects(declared: study.Study) -> Iterator[str]:
    return verify.object_problems([path for path in verify.BUNDLED.rglob("*") if path.is_file()])


def no_study(problems: Callable[[], Iterator[str]]) -> Callable[[study.Study], Iterator[str]]:
    return lambda _: problems()


ALTERED: dict[Callable, tuple[Callable[[study.Study], Iterator[str]], str]] = {
    altered_summary: (verify.derived_problems, "results/vq_vae/summary.csv: does not follow from scores.csv"),
    altered_curves: (verify.derived_problems, "results/vq_vae/curves.csv: does not follow from scores.csv"),
    altered_metrics: (verify.derived_problems, "results/vq_vae/metrics.json: does not follow from scores.csv"),
    altered_score: (verify.derived_problems, "results/vq_vae/summary.csv: does not follow from scores.csv"),
    altered_counts: (verify.verdict_problems, "results/metrics.json: does not count the verdicts"),
    altered_verdict: (verify.verdict_problems, "effect is"),
    invented_verdict: (verify.verdict_problems, "invented is no claim of the root study"),
    altered_text: (verify.text_problems, "results/verdicts.md: is not what the verdicts say"),
    altered_picture: (verify.picture_problems, "at_a_glance_causes.png: does not show the results that are here"),
    moved_point: (verify.picture_problems, "at_a_glance_causes.png: does not show the results that are here"),
    other_sharpness: (verify.picture_problems, "at_a_glance_causes.png: does not show the results that are here"),
    altered_environment: (verify.run_problems, "results/vq_vae/environments.json"),
    dropped_run: (verify.run_problems, "was not measured"),
    undeclared_run: (verify.run_problems, "seed 99 is not declared"),
    torn_net: (verify.net_problems, "small.npz: damaged, its digest is not the one in digests.json; `git restore"),
    altered_net: (verify.net_problems, "small.npz: damaged, its digest is not the one in digests.json; `git restore"),
    net_without_digests: (verify.net_problems, "digests.json: no such file; `git restore"),
    net_of_other_weights: (verify.net_problems, "is of other weights than its facts.json names"),
    net_of_another_run: (verify.net_problems, "is of another run than the one that was measured"),
    net_of_no_run: (verify.net_problems, "is of no declared run"),
    altered_object: (objects, "its name says"),
    missing_object: (no_study(files.pin_problems), "no such file, "),
    missing_list: (no_study(files.pin_problems), "cannot be read"),
    unnamed_object: (no_study(files.pin_problems), "no pin names it"),
    edited("code.json", '"judge": "', '"judge": "0'): (no_study(files.pipeline_problems), "code.json: is not of the"),
    edited("real/dvc.yaml", "python -m", "python -m evil"): (
        no_study(files.pipeline_problems),
        "real/dvc.yaml: is not what params.yaml gives",
    ),
    edited("dvc.lock", "cmd: python -m replications judge", "cmd: true"): (
        no_study(files.pipeline_problems),
        "dvc.lock: stage judge ran",
    ),
    edited("validation/dvc.lock", "cmd: python", "cmd: evil"): (
        no_study(files.pipeline_problems),
        "validation/dvc.lock: stage instruments ran 'evil",
    ),
    altered_validation: (no_study(files.validation_problems), "validation/judge.md: is not what its table says"),
    edited("validation/judge.csv", "1", "2"): (
        no_study(files.validation_problems),
        "validation/judge.csv: its bytes are not those that its stage wrote",
    ),
    edited("validation/versions.md", "None of", "One of"): (
        no_study(files.validation_problems),
        "validation/versions.md: is not what its table says",
    ),
    edited("validation/versions.json", '"fresh": ', '"fresh": 1'): (
        no_study(files.validation_problems),
        "validation/versions.md: is not what its table says",
    ),
    painted_sheet: (files.sheet_problems, "results/vq_vae/sheet.png: does not show the pictures of column"),
    other_column: (files.sheet_problems, "results/vq_vae/sheet.png: does not show the pictures of column"),
    stray_file: (files.stray_problems, "results/extra.csv: no stage of dvc.lock writes it"),
}
"""Alteration → which of the checks names it, and how. That all of them are asked, and are silent, is shown below."""


@pytest.mark.parametrize("alter", ALTERED, ids=lambda alter: alter.__name__)
def test_what_was_altered_is_named(tree, alter):
    asked, words = ALTERED[alter]
    alter(tree)
    found = list(asked(study.load(".")))
    assert any(words in problem for problem in found), found


TOGETHER = (
    *(altered_score, altered_curves, altered_metrics, altered_counts, altered_text, altered_picture),
    *(
        altered_environment,
        altered_net,
        altered_object,
        unnamed_object,
        altered_validation,
        painted_sheet,
        net_of_no_run,
    ),
)
"""Thirteen that do not cover each other."""


def test_thirteen_alterations_at_once_are_all_named(tree, capsys):
    for alter in TOGETHER:
        alter(tree)
    assert verify.main(["--study", ".", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told.keys() == {"suite", "root"}
    said = "\n".join(problem for kinds in told.values() for one in kinds for problem in one["problems"])
    missing = [alter.__name__ for alter in TOGETHER if ALTERED[alter][1] not in said]
    assert len(TOGETHER) == 13
    assert not missing, said


def test_a_damaged_file_is_a_problem_and_the_last_one_of_its_source_alone(tree):
    path = tree / "results" / "causes" / "summary.csv"
    path.write_text("neither variant nor instrument\n", encoding="utf-8")
    checked = verify.check("READMEs", 8, verify.readme_problems(), iter(("another source",)))
    damaged, other = checked.problems
    assert damaged.startswith("results/causes/summary.csv: ")
    assert other == "another source"


def test_a_damaged_list_of_runs_hides_no_other_replication(tree):
    (tree / "results" / "beta_vae" / "runs.csv").write_text("neither\n", encoding="utf-8")
    dropped_run(tree)
    found = "\n".join(verify.run_problems(study.load(".")))
    assert "results/beta_vae/runs.csv" in found
    assert "was not measured" in found


def test_a_copy_of_a_net_outlives_training_on_another_kind_of_machine(tree):
    """There a run has other bytes: its parameters, code and data are what its copy can be held against."""
    path = tree / "results" / "causes" / "runs.csv"
    rows = tiny.read_rows(path)
    tiny.write_rows(path, [row | {"environment": "0" * 12, "images_sha256": "0" * 64} for row in rows])
    assert list(verify.net_problems(study.load("."))) == []
    tiny.write_rows(path, [row | {"environment": "0" * 12, "params_sha256": "0" * 64} for row in rows])
    assert len(list(verify.net_problems(study.load(".")))) == 4


def test_an_untouched_copy_follows_and_the_command_exits_by_what_it_found(tree, capsys):
    assert verify.main(["--study", "."]) == 0
    said = capsys.readouterr().out
    assert "ok      root: " in said
    assert said.endswith("everything that is committed follows from its inputs\n")
