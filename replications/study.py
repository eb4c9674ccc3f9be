"""What a study declares: its seeds and, for each replication, the complete hyper-parameters of every variant.

A study is a folder with a params.yaml. This module reads and checks it; it trains nothing and imports no Keras.
"""

import difflib
import importlib
import os
import re
import reprlib
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from ruamel.yaml import YAML

from replications.errors import ReplicationError
from replications.params import RunParams

REPLICATIONS = tuple(sorted(path.parent.name for path in Path(__file__).parent.glob("*/networks.py")))
"""Every folder with networks is a replication: there is no list of them to keep."""

STUDIES = (".", "real", "paper")
"""The folders with a params.yaml, below the repository's, in the order in which people read them."""

MAX_SEED = 2**32 - 1
"""Global generators take 32 bits."""

Schema = TypeVar("Schema", bound=BaseModel)


class StudyError(ReplicationError, ValueError):
    """A params.yaml that says something impossible, or a name that it does not declare."""


@dataclass(frozen=True)
class Run:
    """One training: the unit that is declared, trained, kept and paired by its seed."""

    replication: str
    variant: str
    seed: int
    params: RunParams
    """The room's Params of this variant."""

    @property
    def name(self) -> str:
        """The run's path below a study's runs/ folder."""
        return f"{self.replication}/{self.variant}/{self.seed}"


def _data_set(name: str) -> str:
    if not re.fullmatch(r"\w[\w.-]*", name):  # it becomes a file's name
        raise ValueError("expected the name of a data set such as facade_world-32, without folders; correct it there")
    return name


DataSet = Annotated[str, AfterValidator(_data_set)]
"""The name of a file in arrays/."""


class SegmentationReader(BaseModel):
    """The hyper-parameters of the net that reads label maps off photos (instruments/recognition.py)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    dataset: DataSet
    n_train: int = Field(gt=0)
    epochs: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    channels: int = Field(gt=0)
    seed: int = Field(ge=0, le=MAX_SEED)


class ClassificationReader(BaseModel):
    """The hyper-parameters of the net that reads labels off photos of a data set (instruments/classification.py)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    heads: list[str] = Field(min_length=1)
    n_train: int = Field(gt=0)
    epochs: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    channels: int = Field(gt=0)
    seed: int = Field(ge=0, le=MAX_SEED)

    @field_validator("heads")
    @classmethod
    def _heads(cls, heads: list[str]) -> list[str]:
        twice = sorted({head for head in heads if heads.count(head) > 1})
        if twice:
            raise ValueError(f"head {twice[0]!r} is declared twice; name each label once")
        return heads


class Readers(BaseModel):
    """The nets that some instruments read images with, on real training images alone.

    Each is trained with every seed of the study; `seed` is added to it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    segmentation: SegmentationReader | None = None
    classification: dict[DataSet, ClassificationReader] = {}
    """Data set → the reader of its labels."""


def _seeds(seeds: list[int]) -> list[int]:
    twice = sorted({s for s in seeds if seeds.count(s) > 1})
    if twice:
        raise ValueError(f"seed {twice[0]} is declared twice; each seed is one run, name it once")
    if seeds and min(seeds) < 0:
        raise ValueError(f"seed {min(seeds)} is negative; seeds are whole numbers from 0")
    if seeds and max(seeds) > MAX_SEED:
        raise ValueError(f"seed {max(seeds)} is too large; seeds are whole numbers up to {MAX_SEED}")
    return seeds


Seeds = Annotated[list[int], AfterValidator(_seeds)]


class _Head(BaseModel):
    """The part of params.yaml that belongs to no room."""

    model_config = ConfigDict(extra="forbid", strict=True)

    seeds: Seeds = Field(min_length=1)
    tuning_seeds: Seeds
    readers: Readers

    @model_validator(mode="after")
    def _disjoint(self):
        both = sorted(set(self.seeds) & set(self.tuning_seeds))
        if both:
            raise ValueError(f"seed {both[0]} is a tuning seed; report on seeds that nothing was tuned on")
        return self


class _OwnSeeds(BaseModel):
    """The part of a replication's section that is no hyper-parameter."""

    model_config = ConfigDict(extra="forbid", strict=True)

    seeds: Seeds = Field(min_length=1)


@dataclass(frozen=True)
class Study:
    """One params.yaml, checked."""

    folder: Path
    seeds: tuple[int, ...]
    tuning_seeds: tuple[int, ...]
    readers: Readers
    variants: dict[str, dict[str, RunParams]]
    """replication → variant → the room's Params."""
    own_seeds: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """replication → reporting seeds, where they are not the study's: fresh ones, once a claim was changed after its
    runs had been seen."""

    @property
    def name(self) -> str:
        """`root` for the bundled study, else the folder's name."""
        return self.folder.name or "root"

    def runs(self, replication: str) -> list[Run]:
        """The declared runs, seed by seed, so that an interrupted study holds whole pairs."""
        variants = self.variants_of(replication)
        return [
            Run(replication, v, seed, params) for seed in self.seeds_of(replication) for v, params in variants.items()
        ]

    def seeds_of(self, replication: str) -> tuple[int, ...]:
        """The reporting seeds of one replication."""
        return self.own_seeds.get(replication, self.seeds)

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """Every reporting seed, of whatever replication."""
        return tuple(sorted({*self.seeds, *(seed for seeds in self.own_seeds.values() for seed in seeds)}))

    def with_seeds(self, seeds: tuple[int, ...], folder: Path) -> "Study":
        """The same study in another folder, every replication of it on other seeds."""
        return replace(self, folder=folder, seeds=seeds, own_seeds={})

    def variants_of(self, replication: str) -> dict[str, RunParams]:
        """Variant → Params of one replication."""
        if replication not in self.variants:
            raise StudyError(
                f"{self.params_file}: no section for replication {replication!r}; "
                f"declared are {sorted(self.variants)}: name one of them, or add the section"
            )
        return self.variants[replication]

    def nets(self, seed: int) -> Path:
        """Where the nets lie that were trained with one of the study's seeds."""
        return self.folder / "readers" / str(seed)

    def net_seed(self, replication: str, seed: int) -> int:
        """The study's seed whose nets judge the runs of a replication's seed.

        The run of the study's seed s is judged by the nets of seed s. The run of the i-th seed of a replication's own
        is judged by the nets of the study's i-th, from the first again after the last.
        """
        place = self.seeds_of(replication).index(seed)
        return self.seeds[place % len(self.seeds)]

    def nets_of(self, replication: str, seed: int) -> Path:
        """Where the nets lie that instruments judge the runs of a replication's seed with."""
        return self.nets(self.net_seed(replication, seed))

    @property
    def params_file(self) -> Path:
        """Where all this was read from."""
        return self.folder / "params.yaml"


def load(folder: str | Path) -> Study:
    """Reads and checks a study's params.yaml.

    Raises:
        StudyError: one line that names the file, the key, the value, what was expected and, for a misspelt key, the
            nearest right one.
    """
    folder = _from_here(Path(folder))
    path = folder / "params.yaml"
    try:
        content = unchecked(path)
    except FileNotFoundError:
        raise StudyError(f"{path}: no such file; a study is a folder with a params.yaml, name it by --study") from None
    except OSError as error:
        raise StudyError(
            f"{path}: not readable ({error.strerror}); a study is a folder with a params.yaml, name it by --study"
        ) from None
    if not isinstance(content, dict):
        raise StudyError(
            f"{path}: holds {type(content).__name__}, expected keys such as seeds and {REPLICATIONS[0]}; add them there"
        )
    rooms = {name: content.pop(name) for name in list(content) if name in REPLICATIONS}
    head = _checked(_Head, content, str(path), also=REPLICATIONS)
    return Study(
        folder=folder,
        seeds=tuple(head.seeds),
        tuning_seeds=tuple(head.tuning_seeds),
        readers=head.readers,
        variants={name: _variants(name, section, path) for name, section in rooms.items()},
        own_seeds={
            name: _own_seeds(name, section["seeds"], head, path)
            for name, section in rooms.items()
            if "seeds" in section
        },
    )


def _own_seeds(replication: str, said: Any, head: _Head, path: Path) -> tuple[int, ...]:
    where = f"{path}: {replication}"
    seeds = _checked(_OwnSeeds, {"seeds": said}, where).seeds
    tuned = sorted(set(seeds) & set(head.tuning_seeds))
    if tuned:
        raise StudyError(f"{where}.seeds: seed {tuned[0]} is a tuning seed; report on seeds that nothing was tuned on")
    return tuple(seeds)


def _from_here(folder: Path) -> Path:
    """A folder below the one that we are in as seen from there, since DVC's files name it so; others as they are."""
    below = os.path.relpath(os.path.abspath(folder))  # noqa: PTH100 (a link stays the link that it is)
    return folder if below.startswith(os.pardir) else Path(below)


def unchecked(path: Path) -> Any:
    """What a YAML file says, whatever it is.

    Raises:
        OSError: it cannot be read.
        StudyError: it is no YAML.
    """
    content = path.read_bytes()
    try:
        return deepcopy(_parsed(content))
    except Exception as error:  # not YAMLError alone: a date without a month or a thousand brackets fail otherwise
        why = " ".join(str(error).split()) or type(error).__name__
        raise StudyError(f"{path}: not readable as YAML: {why}; correct it there") from None


@lru_cache(maxsize=16)
def _parsed(text: bytes) -> Any:
    """What YAML says, not to be changed: a command asks for the same file several times, and each takes a while."""
    return YAML(typ="safe").load(text)


def _variants(replication: str, section: Any, path: Path) -> dict[str, RunParams]:
    where = f"{path}: {replication}"
    variants = section.get("variants") if isinstance(section, dict) else section
    if not isinstance(section, dict) or not isinstance(variants, dict) or not variants:
        raise StudyError(
            f"{where}: expected a section with its variants, such as variants: {{l1: {{…}}}}, got {_said(variants)}; "
            "add them there"
        )
    shared = {key: value for key, value in section.items() if key not in ("variants", "seeds")}
    schema = importlib.import_module(f"replications.{replication}.params").Params
    for name, overrides in variants.items():
        if not isinstance(name, str) or not name.isidentifier():
            raise StudyError(
                f"{where}.variants: {_said(name)} is no name for a variant, expected one such as l1_cgan; rename it"
            )
        if not isinstance(overrides, dict):
            raise StudyError(
                f"{where}.variants.{name}: holds {_said(overrides)}, expected keys such as epochs: 3; add some, or {{}}"
            )
    checked = {
        name: _checked(schema, {**shared, **overrides}, f"{where}.variants.{name}")
        for name, overrides in variants.items()
    }
    for name, params in checked.items():
        try:
            _data_set(params.dataset)
        except ValueError as error:
            raise StudyError(f"{where}.variants.{name}: dataset = {_said(params.dataset)}: {error}") from None
    return checked


def _checked(schema: type[Schema], values: dict, where: str, also: tuple[str, ...] = ()) -> Schema:
    """The validated model, or a StudyError that a person can act on."""
    try:
        return schema(**values)
    except ValidationError as error:
        errors = error.errors()  # a misspelt key is missing as well: what is there says more than what is not
        first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
        key = " ".join(".".join(str(part) for part in first["loc"]).split())  # a key may hold line ends
        if first["type"] == "extra_forbidden":
            known = [*_keys_beside(schema, first["loc"]), *also]
            near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {sorted(known)}"
            raise StudyError(f"{where}: unknown key {_said(key)}; {hint}") from None
        if first["type"] == "missing":
            raise StudyError(f"{where}: {_said(key)} is missing; give it a value") from None
        message = first["msg"].removeprefix("Value error, ")
        if message == first["msg"]:  # pydantic's own say no remedy
            message += "; correct it there"
        said = f"{key} = {_said(first['input'])}: " if key else ""
        raise StudyError(f"{where}: {said}{message[0].lower() + message[1:]}") from None
    except TypeError as error:
        raise StudyError(f"{where}: {error}; correct it there") from None


def _said(value: Any) -> str:
    """A value as Python writes it, shortened: a few lines of YAML can name the same list a billion times."""
    short = reprlib.Repr()
    short.maxlevel, short.maxstring, short.maxother, short.maxlong = 2, 120, 120, 120
    return short.repr(value)


def _keys_beside(schema: type[BaseModel], location: tuple) -> list[str]:
    """The keys that the model knows where a key stands: those of the innermost model around it."""
    kind: Any = schema
    for part in location[:-1]:
        kind = get_args(kind)[1] if get_origin(kind) is dict else kind.model_fields[part].annotation
        if get_origin(kind) in (Union, UnionType):  # a model, or None
            kind = get_args(kind)[0]
    return list(kind.model_fields)
