"""Damages images in known ways and asks every instrument what it sees: `python -m replications ladder`.

Writes to validation/: instruments.csv (one row per kind of images, instrument, distortion and strength; on_trial.py),
instruments.md (what follows from the numbers by a stated rule, beside the blind spots that the instruments' docstrings
name) and instruments.png (ladder_report.py).
"""

from pathlib import Path

import numpy as np

from replications import command, study
from replications.datasets import arrays
from replications.errors import DataError
from replications.results import as_csv, write_bytes, write_text
from replications.trust.ladder_report import draw, markdown
from replications.trust.on_trial import (
    COLUMNS,
    N_WORLD,
    bundled_world,
    climb_photographs,
    climb_world,
    load_readers,
    rows,
    rungs,
)


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(prog="python -m replications ladder", description=__doc__)
    parser.add_argument("--study", default=".", help="the folder of the bundled study, with its arrays and readers")
    parser.add_argument("--out", default="validation", help="where to write to (default: validation)")
    arguments = parser.parse_args(argv)
    bundled, out = study.load(arguments.study), Path(arguments.out)
    intact, wanted = bundled_world(load_test_set(bundled.folder / "arrays" / "facade_world-32.npz")), rungs()
    nets = load_readers(bundled.nets(bundled.seeds[0]))
    table = rows("facade_world", wanted, climb_world(intact, wanted, nets))
    table += rows("photographs", wanted, climb_photographs(wanted))
    write_text(out / "instruments.csv", as_csv(COLUMNS, table))
    write_text(out / "instruments.md", markdown(table))
    write_bytes(out / "instruments.png", draw(table))
    print(f"ladder: {len(table)} scores in {out / 'instruments.csv'}, what they mean in {out / 'instruments.md'}")
    return 0


def load_test_set(path: Path) -> dict[str, np.ndarray]:
    """Feature → array of the bundled test set, from its exported arrays."""
    exported = arrays.load(path)
    test = {name.removeprefix("test_"): values for name, values in exported.items() if name.startswith("test_")}
    missing = {"photo", "labels", "wall_colour", "sky_shade", "door_colour", "mullion"} - set(test)
    if missing or len(test["photo"]) < 2 * N_WORLD:
        raise DataError(
            f"{path}: {len(test.get('photo', ()))} test photos, without {sorted(missing)}; expected at least "
            f"{2 * N_WORLD} of the bundled world; make it again with `dvc repro --pull arrays`"
        )
    return test
