"""What judges a vq_vae run: how codes are used, what they leave open, and what each score must not notice."""

from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML
from scipy import ndimage

from replications import study
from replications.datasets import world
from replications.instruments.sharpness import SHARPNESS
from replications.vq_vae import claims, measures
from replications.vq_vae.params import SIZES, Params
from tests import tiny
from tests.rooms import recipes

N, K = 12, 10
STUDIES = [".", *(f for f in ("real",) if "vq_vae" in YAML(typ="safe").load(tiny.ROOT / f / "params.yaml"))]
RATIOS = [name for name in SHARPNESS if name != "spectral_slope"]
AT_RATE = ("laplacian_variance", "gradient_energy", "edge_width")
OF_CODES = {
    "perplexity",
    "codes_used",
    "used_share",
    "patch_variance_within_code",
    "encoding_variance_within_code",
    "patches_per_code",
}


def declared(folder: str = ".") -> dict[str, Params]:
    """The variants of a study."""
    return study.load(tiny.ROOT / folder).variants_of("vq_vae")


def images(seed: int = 1) -> dict[str, np.ndarray]:
    """A run with a codebook, perfect, its codes made up."""
    labels, factors = world.sample(np.random.default_rng(21), N, 32)
    target, rng = world.render(labels, factors), np.random.default_rng(seed)
    return {
        "target": target,
        "output": target,
        "codes": rng.integers(0, K, (N, 8, 8)).astype(np.uint16),
        "encoded": rng.normal(size=(5, 8, 8, 3)).astype(np.float32),
        "codebook": rng.normal(size=(K, 3)).astype(np.float32),
    }


def measure(given: dict[str, np.ndarray], facts: dict | None = None) -> dict[str, float]:
    scores = measures.measure(given, facts or {}, declared()["k32"], Path("readers"))
    assert all(np.isfinite(score) for score in scores.values()), scores
    return scores


def blurred(pictures: np.ndarray, sigma: float) -> np.ndarray:
    return ndimage.gaussian_filter(pictures.astype(float), (0, sigma, sigma, 0)).round().astype(np.uint8)


# How codes are used.


def test_the_perplexity_of_one_code_is_one_and_of_codes_used_alike_their_number():
    one = measures.code_scores(np.full((3, 2, 2), 7), 16)
    assert one == {"perplexity": 1, "codes_used": 1, "used_share": 1 / 16, "rate": 0}
    alike = measures.code_scores(np.arange(48).reshape(3, 4, 4) % 16, 16)
    assert alike == pytest.approx({"perplexity": 16, "codes_used": 16, "used_share": 1, "rate": 16 * np.log(16)})


def test_the_perplexity_of_uneven_codes_by_hand():
    """Shares 1/2, 1/4, 1/4: entropy 1.5 ln 2 nats, perplexity 2 √2; two positions in each picture."""
    codes = np.array([[[5, 5]], [[0, 9]]])
    expected = {"perplexity": 2.8284271, "codes_used": 3, "used_share": 0.3, "rate": 2 * 1.0397208}
    assert measures.code_scores(codes, 10) == pytest.approx(expected)


def test_codes_are_counted_over_the_whole_test_set():
    """Each picture has one code, so by itself a perplexity of 1; together they have as many codes as pictures."""
    codes = np.broadcast_to(np.arange(200)[:, None, None], (200, 8, 8))
    scores = measures.code_scores(codes, 512)
    assert scores["perplexity"] == pytest.approx(200)
    assert scores["codes_used"] == 200
    again = measures.code_scores(np.random.default_rng(1).permutation(codes), 512)
    assert again == pytest.approx(scores)
    given = images()
    given["codes"] = np.broadcast_to(np.arange(N, dtype=np.uint16)[:, None, None], (N, 8, 8))
    assert measure(given)["perplexity"] == pytest.approx(N)


def test_what_the_codes_are_called_says_nothing():
    codes = np.random.default_rng(1).zipf(1.5, (20, 4, 4)) % 50
    names = np.random.default_rng(2).permutation(50)
    assert measures.code_scores(names[codes], 50) == pytest.approx(measures.code_scores(codes, 50))


# What a code leaves open.


def test_the_variance_within_codes_by_hand():
    """Values 0, 2 of one code and 10, 14 of another: 2 + 8 of 42.25 + 20.25 + 12.25 + 56.25."""
    values, codes = np.array([[[[0], [2]], [[10], [14]]]]), np.array([[[3, 3], [8, 8]]])
    assert measures.within(values, codes) == pytest.approx(10 / 131)


def test_nothing_varies_within_codes_that_determine_the_values():
    codes = np.random.default_rng(1).integers(0, 7, (5, 4, 4))
    values = np.random.default_rng(2).normal(size=(7, 3))[codes]
    assert measures.within(values, codes) == pytest.approx(0, abs=1e-12)
    assert measures.within(1e4 + values.astype(np.float32), codes) == pytest.approx(0, abs=1e-6)


def test_everything_varies_within_codes_that_have_nothing_to_do_with_the_values():
    """All but the K − 1 degrees of freedom of the codes' means; all of it where there is one code."""
    rng = np.random.default_rng(1)
    values, codes = rng.normal(5, 1, (200, 8, 8, 2)), rng.integers(0, K, (200, 8, 8))
    assert measures.within(values, codes) == pytest.approx(1, abs=0.003)
    assert measures.within(values, codes) < 1
    assert measures.within(values, np.zeros_like(codes)) == pytest.approx(1, abs=1e-12)


def test_the_variance_within_codes_agrees_with_a_loop():
    rng = np.random.default_rng(1)
    codes = rng.integers(0, K, (6, 4, 4))
    values = rng.normal(size=(6, 4, 4, 5)) + codes[..., None] / 4
    inside = sum(((values[codes == k] - values[codes == k].mean(axis=0)) ** 2).sum() for k in range(K))
    overall = ((values - values.mean(axis=(0, 1, 2))) ** 2).sum()
    assert measures.within(values, codes) == pytest.approx(inside / overall)
    assert 0.2 < inside / overall < 0.9


def test_the_pixels_below_a_code():
    pictures = np.random.default_rng(1).integers(0, 256, (2, 8, 12, 3), np.uint8)
    cut = measures.patches(pictures, np.zeros((2, 2, 4)))
    assert cut.shape == (2, 2, 4, 4 * 3 * 3)
    for n, row, column in np.ndindex(2, 2, 4):
        expected = pictures[n, 4 * row : 4 * row + 4, 3 * column : 3 * column + 3]
        np.testing.assert_array_equal(cut[n, row, column], expected.ravel())


def test_distinct_patches_by_hand():
    """Patches a a b a with codes 1 1 1 2: (a, 1), (b, 1) and (a, 2) differ."""
    picture = np.zeros((1, 4, 4, 3), np.uint8)
    picture[0, 2, 1] = 9  # in the lower left quarter
    assert measures.distinct_patches(picture, np.array([[[1, 1], [1, 2]]], np.uint16)) == 3
    assert measures.distinct_patches(picture, np.array([[[1, 1], [1, 1]]], np.uint16)) == 2
    assert measures.distinct_patches(0 * picture, np.array([[[1, 1], [1, 1]]], np.uint16)) == 1
    far = np.array([[[1, 257], [1, 513]]], np.uint16)
    assert measures.distinct_patches(0 * picture, far) == 3, "codes that agree in their lower byte"


def test_a_run_is_told_what_its_codes_leave_open():
    given = images()
    scores = measure(given)
    assert scores["patch_variance_within_code"] == pytest.approx(1, abs=0.05), "codes at random say nothing"
    assert scores["encoding_variance_within_code"] == pytest.approx(1, abs=0.1)
    # Codes that tell the encodings all there is to tell, of the first five pictures, which are those that are kept.
    told = {**given, "encoded": given["codebook"][given["codes"][:5]]}
    assert measure(told)["encoding_variance_within_code"] == pytest.approx(0, abs=1e-9)
    # Codes by brightness.
    patch = measures.patches(given["target"], given["codes"]).mean(axis=-1)
    by_brightness = {**given, "codes": np.digitize(patch, np.quantile(patch, np.arange(1, K) / K)).astype(np.uint16)}
    assert measure(by_brightness)["patch_variance_within_code"] < 0.8
    distinct = measures.distinct_patches(given["target"], given["codes"])
    assert scores["patches_per_code"] == pytest.approx(distinct / K)
    assert scores["used_share"] == K / 32


# Pictures and rates.


def test_a_perfect_output():
    scores = measure(images())
    for name in [*RATIOS, "ssim"]:
        assert scores[name] == pytest.approx(1), name
    for name in [*(f"{name}_distance" for name in SHARPNESS), "spectral_slope", "l1", "mse"]:
        assert scores[name] == pytest.approx(0, abs=1e-12), name
    assert scores["psnr"] == scores["psnr_at_rate"] == 100
    for name in AT_RATE:
        assert scores[f"{name}_at_rate"] == pytest.approx(1)


def test_blur_moves_every_sharpness_and_no_score_of_codes():
    given = images()
    ladder = [measure({**given, "output": blurred(given["target"], sigma)}) for sigma in (0, 0.7, 1.5)]
    for name, (_, direction) in SHARPNESS.items():
        values = [direction * scores[name] for scores in ladder]
        assert values[0] > values[1] > values[2], name
    assert ladder[1]["laplacian_variance"] < 0.5
    for name in ("ssim", "psnr", "psnr_at_rate"):
        assert ladder[0][name] > ladder[1][name] > ladder[2][name], name
    for name in ("mse", "l1"):
        assert ladder[0][name] < ladder[1][name] < ladder[2][name], name
    for name in (*OF_CODES, "rate"):
        assert ladder[0][name] == ladder[2][name], name


def test_a_vae_pays_for_samples_and_is_else_judged_by_its_means():
    given = images()
    vae = {"target": given["target"], "output": given["output"], "sampled": blurred(given["target"], 1)}
    scores = measure(vae, {"rate": 123.0})
    assert scores["psnr"] == 100
    error = ((vae["sampled"] / 255 - vae["target"] / 255) ** 2).mean(axis=(1, 2, 3))
    assert scores["psnr_at_rate"] == pytest.approx((-10 * np.log10(error)).mean())
    assert scores["laplacian_variance"] == pytest.approx(1)
    of_samples = measure({"target": vae["target"], "output": vae["sampled"]})
    for name in AT_RATE:
        assert scores[f"{name}_at_rate"] == of_samples[name] != scores[name]
    assert scores["rate"] == 123
    assert not OF_CODES & scores.keys()


def test_without_a_quantiser_there_is_neither_rate_nor_code():
    given = images()
    scores = measure({"target": given["target"], "output": given["output"]})
    assert not (OF_CODES | {"rate"}) & scores.keys()
    assert scores["psnr_at_rate"] == scores["psnr"]
    assert all(scores[f"{name}_at_rate"] == scores[name] for name in AT_RATE)


# What is announced.


def instruments_of(params: Params) -> set[str]:
    """All that is measured of such a variant."""
    given = images()
    if params.quantiser == "none":
        return set(measure({name: given[name] for name in ("target", "output")}))
    if params.quantiser == "gaussian":
        return set(measure({name: given[name] for name in ("target", "output")}, {"rate": 1.0}))
    return set(measure(given))


@pytest.mark.parametrize("folder", STUDIES)
def test_metrics_curves_claims_and_tables_name_what_is_scored(folder):
    kinds = {one.quantiser: one for one in declared(folder).values()}
    by_kind = {kind: instruments_of(one) for kind, one in kinds.items()}
    known = {name: by_kind[one.quantiser] for name, one in declared(folder).items()}
    recipes.announced("vq_vae", known, "root" if folder == "." else folder)


@pytest.mark.parametrize("folder", STUDIES)
def test_variants_are_named_for_what_they_are(folder):
    variants = declared(folder)
    assert [variants[name].codebook_size for name in SIZES] == [2, 8, 32, 128, 512]
    assert {variants[name].quantiser for name in SIZES} == {"straight_through"}
    assert {name: variants[name].quantiser for name in ("none", "vae", "k512_ema", "k512_restarts")} == {
        "none": "none",
        "vae": "gaussian",
        "k512_ema": "ema",
        "k512_restarts": "ema_restarts",
    }
    assert {variants[name].codebook_size for name in variants if name.startswith("k512")} == {512}
    costs = {name: variants[name].commitment_cost for name in variants if name.startswith("k32")}
    assert costs == {"k32": 0.25, "k32_commitment_01": 0.1, "k32_commitment_2": 2.0}
    free = {"quantiser", "codebook_size", "commitment_cost"}
    rest = [one.model_dump(exclude=free) for name, one in variants.items() if name != "vae_k2"]
    assert all(one == rest[0] for one in rest), "variants differ in nothing else"
    assert set(claims.VARIANTS) - set(variants) <= {"vae_k2"}, "which the bundled study alone has"
    assert set(variants) <= set(claims.VARIANTS)


def test_the_two_continuous_latents_of_the_bundled_study_differ_in_their_rate_alone():
    vae, vae_k2 = (declared()[name] for name in ("vae", "vae_k2"))
    assert vae.capacity == 389.5
    assert vae_k2.capacity == 43.5
    free = {"capacity", "beta"}
    assert vae.model_dump(exclude=free) == vae_k2.model_dump(exclude=free)


def test_the_sheet_shows_photos_and_the_outputs_of_every_variant_of_the_bundled_study():
    given = images()
    runs = {
        name: {"target": given["target"], "output": np.full_like(given["target"], number)}
        for number, name in enumerate(declared())
    }
    columns = measures.sheet(runs)
    titles = [title for title, _ in columns]
    assert titles == ["photo", *(name.replace("_", "\n") for name in runs)]
    assert max(len(line) for title in titles for line in title.split("\n")) <= 11
    np.testing.assert_array_equal(columns[0][1], given["target"])
    for (_, shown), run in zip(columns[1:], runs.values(), strict=True):
        np.testing.assert_array_equal(shown, run["output"])
