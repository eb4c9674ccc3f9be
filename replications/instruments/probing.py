"""What can be read off a latent by a linear classifier? A code that says it plainly is said to hold it."""

import numpy as np


def probe_accuracy(latents: np.ndarray, labels: np.ndarray) -> float:
    """How often a linear classifier names the label of a latent that it was not trained on. Larger says more.

    Formula: latents (N, D) to zero mean and unit variance, multinomial logistic regression (L2 penalty, C = 1) trained
    on one half of the rows, its share of right answers on the other; the halves are drawn once, the same for every
    latent of as many rows. Units: none. Range: [0, 1]; a latent that says nothing gives about `chance`, which belongs
    beside it. Dimensions that are constant are as good as absent.
    Source: linear probes, Alain & Bengio 2017; scikit-learn's StandardScaler and LogisticRegression.
    Blind spot: what a latent says in a way that is not linear is not found (so 'not found' is not 'not there'). The
    scale of a dimension plays no role: one of minute variance counts like any other. With many dimensions and few rows
    it learns the training half by heart and falls below what could be read.
    """
    # Imported here: scikit-learn takes a second, and nearly everything does without.
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    latents, labels = np.asarray(latents), _check_labels(labels)
    if latents.ndim != 2 or len(latents) != len(labels) or latents.shape[1] == 0:
        raise ValueError(
            f"latents has shape {latents.shape} and labels {labels.shape}, expected (N, D) and (N,): one row for each "
            "label; flatten a latent of several axes"
        )
    if not np.issubdtype(latents.dtype, np.floating) or not np.isfinite(latents).all():
        raise ValueError(
            f"latents has type {latents.dtype} and finite values: {bool(np.isfinite(latents).all())}, expected finite "
            "floats; hand over codes of a quantised latent as its vectors, or one-hot"
        )
    order = np.random.default_rng(0).permutation(len(labels))  # data sets may list their classes in turn
    train, test = order[::2], order[1::2]
    if len(test) == 0 or len(np.unique(labels[train])) < 2:
        raise ValueError(
            f"labels holds {len(np.unique(labels[train]))} class in the {len(train)} rows that train, expected at "
            "least two, and a row to test on; hand over more rows"
        )
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    x = latents.astype(np.float64)
    probe.fit(x[train], labels[train])
    return float((probe.predict(x[test]) == labels[test]).mean())


def chance(labels: np.ndarray) -> float:
    """The accuracy of a guess without the latent: the share of the most frequent class of labels (N,).

    Units: none. Range: [1 / classes, 1]. Blind spot: it is that of all rows, of which a half is tested.
    """
    counts = np.unique(_check_labels(labels), return_counts=True)[1]
    return float(counts.max() / counts.sum())


def _check_labels(labels: np.ndarray) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.size == 0 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"labels has shape {labels.shape} and type {labels.dtype}, expected whole numbers (N,), N > 0; "
            "map names to class numbers first"
        )
    return labels
