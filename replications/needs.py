"""What of a study a replication needs: the data set that it trains on, and whether nets read its pictures."""

from collections.abc import Mapping
from typing import Any

from replications import code, study


def dataset_of(declared: study.Study, replication: str) -> str:
    """The data set that all variants of a replication train on.

    Raises:
        StudyError: there are several, whose arrays a stage of the template could not depend on.
    """
    found = sorted({params.dataset for params in declared.variants_of(replication).values()})
    if len(found) > 1:
        raise study.StudyError(
            f"{declared.params_file}: {replication}: its variants name the data sets {', '.join(found)}, expected one "
            "for all; make it two replications, or two studies"
        )
    return found[0]


def reads(replication: str) -> bool:
    """Whether a replication is measured with nets of the study: whether its measures import an instrument with one."""
    nets = {"recognition.py", "classification.py"}
    return any(path.name in nets for path in code.imported(f"{replication}.measures"))


def readers_of(dataset: str | None, readers: Mapping[str, Any] | None) -> dict[str, Any]:
    """Those of a study's nets that judge pictures of a data set, as params.yaml declares them.

    Nets of other data sets move none of a replication's numbers. Of its own data set all are taken, read or not.
    """
    declared: dict[str, Any] = {"segmentation": None, "classification": {}, **(readers or {})}
    segmentation, classification = declared["segmentation"], declared["classification"]
    return {
        "segmentation": segmentation if segmentation and segmentation["dataset"] == dataset else None,
        "classification": {name: net for name, net in classification.items() if name == dataset},
    }
