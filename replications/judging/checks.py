"""Quality checks that several replications ask: has a net learned, and would a person take its samples for photographs?

Their bounds are controls (measuring/known.py), of the same study and, where a net judges, by the same net.
"""

from replications.judging.claims import Check

BLURRED = "photographs through a blur of one pixel of 32, seen by the same net"
SEEN_THROUGH = f"{BLURRED}: a person sees what they show"


def learned(variant: str, linear: str, studies: tuple[str, ...] = ()) -> Check:
    """A net that is further from the photographs than the best linear one of its size has not learned."""
    return Check(
        f"{variant} has learned: its reconstructions are as close to photographs as those of the best linear "
        "autoencoder of the same size and weight of the KL term",
        "psnr",
        variant,
        "at least",
        (linear, "psnr"),
        "principal components of the training photographs (replications/measuring/controls.py)",
        studies=studies,
    )


def learned_by_its_loss(variant: str, linear: str, studies: tuple[str, ...] = (), on: str = "") -> Check:
    """A VAE may trade error for rate, so its error alone does not tell whether it has learned.

    Args:
        variant: an arm of unit variance.
        linear: the control that has the loss of the best linear VAE of its size and weight of the KL term.
        studies: those that ask; empty: all.
        on: the photographs that both losses are of, where it is not the training photographs.
    """
    return Check(
        f"{variant} has learned: its loss, error and weighed rate together, is at most that of the best linear VAE of "
        "the same size and weight of the KL term",
        "objective",
        variant,
        "at most",
        (linear, "objective"),
        f"principal components of the training photographs{on and f', on {on}'}; beside the error alone it counts the "
        "nats that a VAE saves",
        studies=studies,
    )


def like_photographs(variant: str, why: str = BLURRED) -> Check:
    """Samples are at most as far from photographs as photographs are through a blur that a person sees through."""
    return Check(
        f"the samples of {variant} are as near to photographs, as a set, as blurred photographs are",
        "kid_prior",
        variant,
        "at most",
        ("photos_blurred", "kid_prior"),
        why,
    )


def among_photographs(variant: str) -> Check:
    """Samples lie among photographs nearly as often as other photographs do (where no list says which ones there are).

    A set may be near to photographs in its features, and yet every other sample may show nothing; this notices it where
    samples are crisp. It does not exclude blur: what averages several photographs lies among them.
    """
    return Check(
        f"samples of {variant} lie among photographs at least four fifths as often as other photographs do (precision)",
        "precision_prior",
        variant,
        "at least",
        ("photos", "precision_prior"),
        "improved precision (Kynkäänniemi et al. 2019), on pixels; the other photographs are those of the training; a "
        "fifth is allowed for samples that show nothing",
        factor=0.8,
        studies=("real",),
    )


def nearer_than_blurred(variant: str) -> Check:
    """Samples are as near to some photograph that there is as photographs are through a blur (the street alone).

    The same without the allowance. It excludes noise and the mean photograph. It excludes neither blur nor an equal
    blend of two to four photographs: `readable_by_thumbnail` does exclude blends.
    """
    return Check(
        f"the samples of {variant} are as near to the nearest photograph of the list as blurred photographs are",
        "listed_distance_prior",
        variant,
        "at most",
        ("photos_blurred", "listed_distance_prior"),
        "photographs through a blur of one pixel of 32, by their distance to the nearest photograph that there is",
        studies=("root",),
    )


def readable_by_thumbnail(variant: str) -> Check:
    """Samples show the colours of one house, so that it can be said which (vae_vs_gan on the street alone).

    Photographs through a blur, with noise or with stray pixels pass, and so does a blend with a fifth of another
    photograph: all of them show the right colours. Equal blends of several photographs and the mean photograph do not.
    """
    return Check(
        f"the thumbnails of the samples of {variant} are as near to the nearest thumbnail of the list as those of "
        "blurred photographs",
        "thumbnail_distance_prior",
        variant,
        "at most",
        ("photos_blurred", "thumbnail_distance_prior"),
        "photographs through a blur of one pixel of 32, whose colours thumbnails show without an error; those of an "
        "equal blend of several photographs are much further away",
        studies=("root",),
    )
