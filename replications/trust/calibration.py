"""How often the judge errs, by simulation: `python -m replications calibration`.

Writes validation/judge.csv, families.csv, power.csv, flip_chance.csv (simulation.py), and judge.png and judge.md which
show them (calibration_report.py). Trains nothing, reads nothing, and draws the same numbers every time.
"""

from collections.abc import Callable
from pathlib import Path

from replications import command
from replications.errors import ReplicationError
from replications.results import as_csv, write_bytes, write_text
from replications.trust.calibration_report import environment, plot, summary
from replications.trust.simulation import (
    COLUMNS,
    DESIGNS,
    DISTRIBUTIONS,
    DRAWS,
    FAMILY_COLUMNS,
    FLIP_COLUMNS,
    JUDGED,
    MIXES,
    POWER_COLUMNS,
    POWER_SEEDS,
    PROMISED,
    SEEDS,
    families,
    flip_rows,
    flips,
    powers,
    rates,
)


class CalibrationError(ReplicationError, ValueError):
    """A number of draws from which no rate can be told."""


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(prog="python -m replications calibration", description=__doc__)
    parser.add_argument("--out", default="validation", help="folder of the tables (default: validation)")
    parser.add_argument("--draws", type=int, default=DRAWS, help=f"sets of seeds for each rate (default: {DRAWS})")
    arguments = parser.parse_args(argv)
    if arguments.draws < 1000:
        raise CalibrationError(
            f"--draws {arguments.draws}: expected at least 1000, since fewer draws cannot tell a rate of 5 % "
            "from one of 7 %; leave the option out for the committed number"
        )
    calibrate(Path(arguments.out), arguments.draws)
    return 0


def calibrate(out: Path, draws: int) -> None:
    """Simulates everything and writes the tables, the plot and the summary."""
    done = progress(len(DESIGNS) + 3)
    judged = []
    for name, design in DESIGNS.items():
        judged += [row for shape in DISTRIBUTIONS for n in SEEDS for row in rates(name, shape, n, draws)]
        done(f"{name}: {design.words}")
    of_families = [families(*cell, draws) for cell in family_cells()]
    done("families of 100 claims")
    of_power = [row for n in POWER_SEEDS for row in powers(n)]
    done("power")
    pairs = {shape: flips(shape, draws) for shape in DISTRIBUTIONS}
    pairs["all"] = [pair for of_shape in pairs.values() for pair in of_shape]
    of_flips = [row for shape, flips_of_shape in pairs.items() for row in flip_rows(shape, flips_of_shape)]
    of_flips += flip_rows("all", pairs["all"], tuple(JUDGED))
    done("flip chance")
    write_text(out / "judge.csv", as_csv(COLUMNS, judged))
    write_text(out / "families.csv", as_csv(FAMILY_COLUMNS, of_families))
    write_text(out / "power.csv", as_csv(POWER_COLUMNS, of_power))
    write_text(out / "flip_chance.csv", as_csv(FLIP_COLUMNS, of_flips))
    write_bytes(out / "judge.png", plot(judged, of_power, of_flips))
    write_text(out / "judge.md", summary(judged, of_families, of_power, of_flips, environment()))
    print(f"written to {out}: judge.md says what came out")


def family_cells() -> list[tuple[str, int, str]]:
    """(arms, number of seeds, what the claims are) of every row of families.csv."""
    return [(arms, n, mix) for mix in MIXES for arms in ("own", "shared") for n in PROMISED]


def progress(steps: int) -> Callable[[str], None]:
    """A function that prints one line for each finished step."""
    count = iter(range(1, steps + 1))
    return lambda what: print(f"[{next(count)}/{steps}] {what}", flush=True)
