"""CITATION.cff: how to cite the suite, and the sources of its claims, methods and data; as text and as BibTeX."""

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from replications.errors import ReplicationError

FILE = "CITATION.cff"
KINDS = {"article": "article", "conference-paper": "inproceedings", "report": "techreport", "software": "software"}
"""Type of a reference in the Citation File Format 1.2.0 → entry of BibTeX; all others are `misc`."""


class CitationError(ReplicationError):
    """A CITATION.cff that is missing or damaged."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)


class Author(_Part):
    """A person, by names, or an entity, by its name or alias."""

    family_names: Annotated[str, Field(alias="family-names")] = ""
    given_names: Annotated[str, Field(alias="given-names")] = ""
    name_particle: Annotated[str, Field(alias="name-particle")] = ""
    name: str = ""
    alias: str = ""

    @property
    def family(self) -> str:
        """The family name with its particle ('van den Oord'), or the name of an entity."""
        return f"{self.name_particle} {self.family_names}".strip() or self.name or self.alias

    def __str__(self) -> str:
        return f"{self.given_names} {self.family}".strip()


class Venue(_Part):
    """Where a work was published."""

    name: str


class Work(_Part):
    """A paper, a data set or a program."""

    type: str
    title: str
    authors: Annotated[tuple[Author, ...], Field(min_length=1)]
    year: int | None = None
    url: str = ""
    notes: str = ""
    journal: str = ""
    conference: Venue | None = None
    institution: Venue | None = None

    @property
    def venue(self) -> str:
        """Conference, journal or institution."""
        published = self.conference or self.institution
        return published.name if published else self.journal


class Citation(Work):
    """The suite itself, and what it refers to."""

    message: str
    version: str
    license: str
    references: tuple[Work, ...]


def read(root: Path) -> Citation:
    """The CITATION.cff of a repository.

    Raises:
        CitationError: one line that names the file, what is wrong and the remedy.
    """
    path = root / FILE
    try:
        return Citation.model_validate(YAML(typ="safe", pure=True).load(path.read_bytes()))
    except OSError as error:
        raise CitationError(f"{path}: {error.strerror}; run this in the repository's folder") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise CitationError(
            f"{path}: damaged ({where}: {first['msg']}), expected a citation of format 1.2.0; `git restore {path}` "
            "brings it back"
        ) from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise CitationError(
            f"{path}: damaged ({' '.join(str(error).split())}), expected YAML; `git restore {path}` brings it back"
        ) from None


def bibtex(work: Work) -> str:
    """An entry of BibTeX. A title stands in two pairs of braces, so that a style keeps its capitals."""
    venue = {"conference-paper": "booktitle", "article": "journal", "report": "institution"}.get(work.type)
    authors = " and ".join(
        f"{one.family}, {one.given_names}" if one.given_names else f"{{{one.family}}}" for one in work.authors
    )
    fields = {
        "title": f"{{{work.title}}}",
        "author": authors,
        "year": str(work.year or ""),
        **({venue: work.venue} if venue else {}),
        "note": work.notes,
        "url": work.url,
    }
    lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
    return f"@{KINDS.get(work.type, 'misc')}{{{_key(work)},\n" + ",\n".join(lines) + "\n}"


def entries(citation: Citation) -> Iterator[str]:
    """The suite and all that it refers to, each as an entry of BibTeX."""
    yield bibtex(citation)
    for work in citation.references:
        yield bibtex(work)


def _key(work: Work) -> str:
    """'isola2017imagetoimage': family name, year and first word of the title; the title's first word for the suite."""
    first_word = _ascii(work.title.split()[0])
    return f"{_ascii(work.authors[0].family)}{work.year}{first_word}" if work.year else first_word


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.replace("ø", "o")).encode("ascii", "ignore").decode()
    return re.sub(r"\W", "", plain).lower()
