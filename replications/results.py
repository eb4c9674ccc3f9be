"""The small text files of a study's results/ folder: written whole or not at all, read strictly."""

import csv
import io
from contextlib import suppress
from pathlib import Path

from replications.claims import ScoreError, Scores
from replications.errors import ReplicationError
from replications.study import Study


class ResultsError(ReplicationError):
    """Results that cannot be written."""


def as_csv(columns: tuple[str, ...], rows: list[dict]) -> str:
    """The rows as CSV text with Unix line ends."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_text(path: Path, text: str) -> None:
    """Writes a result whole or not at all."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a result whole or not at all."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise ResultsError(f"{path}: cannot be written ({error.strerror}); make room or permissions there") from None


def read_scores(declared: Study, replication: str) -> Scores:
    """The scores of one replication: of all declared runs, and of no others."""
    path = declared.folder / "results" / replication / "scores.csv"
    remedy = f"run `dvc repro {declared.folder / 'dvc.yaml'}:measure@{replication}`"
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except FileNotFoundError:
        raise ScoreError(f"{path}: no such file; {remedy}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ScoreError(f"{path}: damaged ({error}); {remedy}") from None
    found = {(row.get("variant"), row.get("seed")) for row in rows}
    wanted = {(run.variant, str(run.seed)) for run in declared.runs(replication)}
    for problem, runs in (("has no score of", wanted - found), ("scores the undeclared run", found - wanted)):
        if runs:
            variant, seed = sorted(runs, key=str)[0]
            raise ScoreError(f"{path}: {problem} {variant} seed {seed} ({len(runs)} such); {remedy}")
    try:
        return Scores.from_rows(rows)
    except ScoreError as error:
        raise ScoreError(f"{path}: {error}; {remedy}") from None
