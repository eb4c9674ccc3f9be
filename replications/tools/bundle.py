"""Puts small copies of finished runs' networks into the repository: `python -m replications bundle causes/kl_l2`.

notebooks/explore.ipynb loads them without any training. A copy is the run's facts.json and small.npz, its weights in
half precision, without the discriminator and without what training never changed (`nets.small`). Use the backend that
trained the run: others begin with other weights, and leave more in the copy. A copy whose outputs are not the run's is
refused. digests.json beside it holds the digests of the run's weights and of the copy. `verify` checks these, and the
facts against runs.csv; `audit`, which trains a run again, compares its weights.
"""

import io
import json
from pathlib import Path

import numpy as np

from replications import command, nets, runs, study
from replications.datasets import arrays
from replications.nets import NetsError
from replications.results import write_bytes

N_COMPARED = 64
"""Photographs that both the run's network and its copy are shown."""
MAX_DIFFERENCE = 1 / 255
"""Root mean squared difference of their outputs: one step of the 256 that a picture has."""


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(prog="python -m replications bundle", description=__doc__)
    parser.add_argument(
        "runs", metavar="REPLICATION/VARIANT[/SEED]", nargs="+", help="finished runs; the first seed if none is named"
    )
    parser.add_argument("--study", default=".", help="the study's folder (default: the bundled study)")
    arguments = parser.parse_args(argv)
    declared = study.load(arguments.study)
    for words in arguments.runs:
        replication, variant, seed = nets.named(words)
        nets.load(replication, variant, seed, arguments.study)  # says what is wrong with the run, if anything is
        seed = declared.seeds_of(replication)[0] if seed is None else seed
        run = study.Run(replication, variant, seed, declared.variants_of(replication)[variant])
        if not (runs.folder(declared, run) / "facts.json").exists():
            raise NetsError(
                f"{run.name}: there is a copy of it, but no such run on this machine; train it by "
                f"`python -m replications train {replication} --only {variant} --study {declared.folder}`"
            )
        copy, difference = bundle(declared, run)
        size = sum(path.stat().st_size for path in copy.iterdir())
        print(f"{copy}: {size / 1e6:.1f} MB; its outputs differ by {255 * difference:.2f} of 255 from the run's")
    return 0


def bundle(declared: study.Study, run: study.Run) -> tuple[Path, float]:
    """Writes the copy of a finished run's network. Returns its folder, and how far its outputs are from the run's.

    Raises:
        NetsError: they are too far.
        DataError: the run, or the photographs, are not here.
    """
    path, copy = runs.folder(declared, run), nets.bundled(declared, run)
    train = f"`python -m replications train {run.replication} --only {run.variant} --study {declared.folder}`"
    weights = arrays.load(path / "weights.npz", train)
    facts = runs.read_facts(path)
    kept = nets.small(run, facts["picture"], weights)
    photos = arrays.load(runs.arrays_file(declared, run))["test_photo"][:N_COMPARED].astype(np.float32) / 255
    outputs = []
    for values in (weights, kept):
        model = nets.untrained(run.replication, run.params, facts["picture"], run.seed)  # and so with the same noise
        nets.fill(model, values, path / "weights.npz", train)
        said = model(photos)
        outputs.append(np.asarray(said.get("output", said.get("fake")) if isinstance(said, dict) else said))
    difference = float(np.sqrt(np.square(outputs[1] - outputs[0]).mean()))
    if not difference <= MAX_DIFFERENCE:
        raise NetsError(
            f"{run.name}: the outputs of a small copy differ by {255 * difference:.2f} of 255, expected at most "
            f"{255 * MAX_DIFFERENCE:.0f}; no copy was written, load the run itself"
        )
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **kept)
    digests = {"weights.npz": facts["weights_sha256"], nets.SMALL: runs.sha256(content.getvalue())}
    copy.mkdir(parents=True, exist_ok=True)
    write_bytes(copy / "facts.json", (path / "facts.json").read_bytes())
    write_bytes(copy / nets.SMALL, content.getvalue())
    write_bytes(copy / nets.DIGESTS, (json.dumps(digests, indent=1) + "\n").encode())
    return copy, difference
