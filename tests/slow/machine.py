"""What a committed result of a test says of when and where it was seen."""

import datetime
import os
from importlib.metadata import version

from replications.results import environment_words
from replications.trust import chain


def today() -> str:
    """The date (UTC), as 2026-01-31."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def environment() -> dict:
    """As a run would record it, with the cores and the packages that the pipeline stands on; imports Keras."""
    now = chain.environment_now()
    packages = {name: version(name) for name in ("dvc", "distributed")}
    return {**now, "cores": os.cpu_count(), "packages": {**now["packages"], **packages}}


def in_words() -> str:
    """'keras 3.15.1, …, Python 3.11.7, Linux x86_64 on AMD EPYC (avx2; oneDNN: avx2), 2 cores'."""
    now = environment()
    return f"{environment_words(now)}, {now['cores']} cores"
