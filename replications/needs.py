"""What of a study a replication needs: the data set that it trains on, and whether nets read its pictures."""

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
