"""Writes dvc.yaml, real/dvc.yaml and paper/dvc.yaml from one template: `python -m replications pipeline`.

A study's stages follow from its params.yaml: which replications it declares, and on what data. What a stage's code is
stands in code.json, so that the template names no file of the package.
"""

from dataclasses import dataclass
from pathlib import Path

import jinja2

from replications import command, study
from replications.datasets.arrays import PINNED
from replications.needs import dataset_of, reads
from replications.reporting import glance
from replications.results import write_text

TEMPLATE = Path(__file__).parent / "dvc.yaml.jinja"


@dataclass(frozen=True)
class DataSet:
    """A file of arrays, and where it comes from: `cmp_facades-64` is `cmp_facades`, configuration `64`."""

    key: str

    @property
    def builder(self) -> str:
        """The module in replications/datasets."""
        return self.key.partition("-")[0]

    @property
    def name(self) -> str:
        """As TFDS calls it: cmp_facades/64."""
        return self.key.replace("-", "/", 1)


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    command.Parser(prog="python -m replications pipeline", description=__doc__).parse_args(argv)
    for folder in study.STUDIES:
        path = Path(folder, "dvc.yaml")
        write_text(path, render(study.load(folder)))
        print(f"wrote {path}")
    return 0


def render(declared: study.Study) -> str:
    """The dvc.yaml of a study."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE.parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    bundled = declared.name == "root"
    folders = [declared.folder / folder for folder in study.STUDIES]  # the bundled study shows pictures of the others
    shown = [study.load(folder) for folder in folders if bundled and (folder / "params.yaml").exists()]
    datasets = {name: dataset_of(declared, name) for name in declared.variants}
    read = [declared.readers.segmentation.dataset] if declared.readers.segmentation else []
    read += list(declared.readers.classification)
    data = [DataSet(key) for key in dict.fromkeys([*read, *datasets.values()])]
    return environment.get_template(TEMPLATE.name).render(
        study=declared.name,
        here="" if bundled else f"{declared.folder.as_posix()}/",
        bundled=bundled,
        replications=list(declared.variants),
        declared=list(study.unchecked(declared.params_file)),
        datasets=datasets,
        data=data,
        built=[one for one in data if not (bundled and one.name in PINNED)],
        read=list(dict.fromkeys(read)),
        reads={name: reads(name) for name in declared.variants},
        glances=[glance.file_of(one, room) for one in shown for room in glance.rooms(one)],
    )
