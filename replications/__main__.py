"""Every command of the suite: `python -m replications COMMAND …`; `--help` lists them."""

import difflib
import importlib
import sys

from replications import command

COMMANDS = {
    "train": "train the declared runs of a replication that are not there yet: train pix2pix",
    "measure": "images to scores, curves and a sample sheet: measure pix2pix",
    "judge": "scores to verdicts",
    "report": "verdicts to Markdown",
    "readers": "train the nets that instruments read images with",
    "datasets": "build and export data sets: datasets build facade_world/32 --data-dir data",
    "new": "begin a replication of your own: new vae_flow",
    "trace": "where a verdict comes from, link by link: trace adversarial_term_sharpens",
    "import-runs": "take in runs that another machine finished: import-runs FOLDER",
    "audit": "train committed runs again and compare: audit --runs 2",
    "regress": "compare verdicts with those of a Git revision: regress --against HEAD~1",
    "mend": "delete what a kill left torn of DVC's own files, before dvc repro",
    "calibration": "how often the judge errs, by simulation",
    "ladder": "what each instrument notices of known damage",
    "page": "all of it on one page to look at: results/report.html",
    "cost": "what a study costs on GPUs, before it is begun: cost --price 3",
    "bench": "how fast it trains here, and where the time goes",
}


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    words = sys.argv[1:] if argv is None else argv
    if not words or words[0] in ("-h", "--help"):
        width = max(map(len, COMMANDS))
        listed = "\n".join(f"  {name.ljust(width)}  {what}" for name, what in COMMANDS.items())
        print(f"usage: python -m replications COMMAND …\n\n{listed}\n\nMore on each: python -m replications COMMAND -h")
        return 0
    if words[0] not in COMMANDS:
        near = difflib.get_close_matches(words[0], COMMANDS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(COMMANDS)}"
        raise command.CommandError(f"{words[0]!r}: no such command; {hint}")
    module = (
        "replications.datasets.__main__" if words[0] == "datasets" else f"replications.{words[0].replace('-', '_')}"
    )
    return importlib.import_module(module).main(words[1:])


if __name__ == "__main__":
    command.run(main)
