"""The ladder: damage is what its name says, answers follow the rule, and what is committed is what the code gives."""

from math import inf, nan
from pathlib import Path

import numpy as np
import pytest
from skimage.color import rgb2gray

from replications.instruments import classification, recognition
from replications.instruments.sharpness import SHARPNESS
from replications.trust import distortions, ladder, ladder_report, on_trial
from replications.trust.distortions import BLURS, DISTORTIONS, SEED
from replications.trust.ladder_report import ANSWERS
from replications.trust.on_trial import GROUND, INSTRUMENTS, KINDS, World
from tests import tiny

COMMITTED = tiny.ROOT / "validation"
STEP = 1 / 255
NETS = {"kid", "modes_covered", "mode_entropy", "kl_to_true", "confidence"}
NETS |= {"joint_accuracy", "pixel_accuracy", "class_accuracy", "class_iou"}
"""What needs a net, and so the world's photos."""
KNOWN = {"conditional_diversity", "distance_to_mean", "distance_to_median", "mean_preference", "distance_to_support"}
KNOWN |= {"l1_above_floor", "mse_above_floor", "energy_certain", "energy_uncertain", "shadow_step", "precision"}
"""What needs the world's exact distribution, or other photos of it."""
every_distortion = pytest.mark.parametrize("name", DISTORTIONS)
every_kind = pytest.mark.parametrize("kind", KINDS)
every_sharpness = pytest.mark.parametrize("instrument", SHARPNESS)


@pytest.fixture(scope="module")
def bundled() -> World:
    """The bundled test set, drawn again: a clone that has pulled no data has no arrays yet."""
    from replications.datasets import facade_world
    from replications.datasets.world import render, sample

    labels, factors = sample(facade_world.generator(32, "test"), facade_world.SPLITS["32"]["test"], 32)
    return on_trial.bundled_world({"photo": render(labels, factors), "labels": labels[..., None], **factors})


@pytest.fixture(scope="module")
def images(bundled) -> dict[str, np.ndarray]:
    """Some of each kind, in [0, 1]."""
    return {"facade_world": bundled.photos[:24] / 255, "photographs": distortions.photographs(64)}


@pytest.fixture(scope="module")
def committed() -> list[dict[str, str]]:
    return ladder_report.read_table(COMMITTED / "instruments.csv")


@pytest.fixture(scope="module")
def said(committed) -> dict[tuple[str, str, str], str]:
    return ladder_report.answers(ladder_report.climbs(committed))


# The instruments: what the committed numbers must say.


def faults(said: dict[tuple[str, str, str], str]) -> set[tuple[str, str, str]]:
    """Where the answers are not what the instruments are trusted for, or not what their docstrings say."""
    wanted: dict[tuple[str, str, str], set[str]] = {}

    def expect(answer: str, names, distortions: str, kinds=KINDS) -> None:
        for kind in kinds:
            for name in names:
                for distortion in distortions.split():
                    wanted[kind, name, distortion] = set(answer.split("|"))

    world = ("facade_world",)
    for name, (_, direction) in SHARPNESS.items():
        expect("falls" if direction > 0 else "rises", [name], "blur rescaling")
    expect("blind", SHARPNESS, "flip brightness saturation hue swap")
    expect("falls", ["gradient_energy", "laplacian_variance"], "contrast")
    expect("blind", ["high_frequency_share", "spectral_slope", "edge_width", "blur_effect"], "contrast")
    fourfold = ["gradient_energy", "laplacian_variance", "high_frequency_share", "spectral_slope"]
    expect("rises", fourfold, "noise salt_and_pepper")
    expect("falls", ["edge_width", "blur_effect"], "noise", ["photographs"])
    expect("rises", ["edge_width"], "noise", world)
    expect("rises", ["laplacian_variance", "high_frequency_share"], "checkerboard")
    expect("blind", ["gradient_energy", "blur_effect", "spectral_slope"], "checkerboard")
    expect("rises", ["l1", "mse"], " ".join(DISTORTIONS))
    expect("falls", ["psnr"], " ".join(DISTORTIONS))
    expect("falls", ["ssim"], " ".join(set(DISTORTIONS) - {"shift"}))
    expect("falls|not monotone", ["ssim"], "shift")
    colours = [f"lab_intersection_{channel}" for channel in "Lab"]
    widths = [f"lab_spread_{channel}" for channel in "Lab"]
    expect("blind", [*colours, *widths], "shift flip patch_shuffle swap")
    expect("falls", colours, "blur noise mean_of_all one_for_all")
    expect("falls", widths, "blur contrast mean_of_all")
    expect("falls", widths[1:], "saturation")
    expect("rises", widths[:1], "noise")
    expect("rises", ["variety"], "noise")
    expect("blind", ["variety"], "flip swap brightness")
    expect("falls", ["variety"], "mean_of_all one_for_all")
    expect("rises", ["conditional_diversity"], "noise", world)
    expect("falls", ["conditional_diversity"], "mean_of_all one_for_all", world)
    expect("rises", ["distance_to_support"], " ".join(DISTORTIONS), world)
    expect("falls", ["energy_certain", "energy_uncertain"], "blur", world)
    # Of energy_certain nothing is asked there: the mean of all maps has other edges than one map.
    expect("falls", ["energy_uncertain"], "mean_of_all", world)
    expect("falls", ["shadow_step"], "blur mean_of_all", world)
    expect("blind", ["kid", "modes_covered", "mode_entropy", "kl_to_true"], "flip swap", world)
    expect("rises", ["kid", "kl_to_true"], "blur noise patch_shuffle mean_of_all one_for_all", world)
    expect("falls", ["modes_covered", "mode_entropy"], "mean_of_all one_for_all", world)
    expect("falls", ["precision"], "noise salt_and_pepper shift flip patch_shuffle", world)
    expect("rises", ["precision"], "blur rescaling contrast mean_of_all", world)
    expect("blind", ["precision"], "swap", world)
    expect("blind", ["confidence"], "one_for_all swap", world)
    expect("falls", ["confidence"], "noise salt_and_pepper mean_of_all", world)
    read = ["joint_accuracy", "pixel_accuracy", "class_accuracy", "class_iou"]
    expect("falls", read, "blur noise jpeg swap mean_of_all one_for_all", world)
    return {where for where, answers in wanted.items() if said[where] not in answers}


def test_the_committed_answers_are_those_that_the_instruments_are_trusted_for(said):
    assert not faults(said)


@pytest.mark.parametrize("name", [name for name, one in INSTRUMENTS.items() if one.better])
def test_a_constant_instrument_and_one_that_points_the_wrong_way_would_be_found_out(committed, name):
    """Its scores replaced by 1, or mirrored about the undamaged one."""
    for impostor in (lambda change: 0.0, lambda change: -change):
        found = ladder_report.climbs(committed)
        for where, points in found.items():
            if where[1] == name:
                found[where] = [(strength, impostor(change)) for strength, change in points]
        if name in ("l1_above_floor", "mse_above_floor"):
            # Their minimum is another picture than the photo, so damage may well bring them closer.
            assert ladder_report.answers(found) != ladder_report.answers(ladder_report.climbs(committed))
        else:
            assert {where[1] for where in faults(ladder_report.answers(found))} == {name}


@every_kind
@every_sharpness
def test_blur_moves_every_sharpness_instrument_rung_by_rung(images, kind, instrument):
    function, direction = SHARPNESS[instrument]
    # The share of high frequencies is used up at 2 px.
    blurs = BLURS[:5] if instrument == "high_frequency_share" else BLURS
    assert moved_by_blur(function, direction, images[kind], blurs)
    assert not moved_by_blur(function, -direction, images[kind], blurs)
    assert not moved_by_blur(lambda damaged: np.full(len(damaged), 0.5), direction, images[kind], blurs)


def moved_by_blur(function, direction: int, intact: np.ndarray, blurs: tuple[float, ...]) -> bool:
    rungs = [("blur", sigma) if sigma else GROUND for sigma in blurs]
    scores = [direction * function(on_trial.damage(intact, rung)).mean() for rung in rungs]
    return bool(np.all(np.diff(scores) < 0))


@every_kind
@every_sharpness
def test_blur_moves_every_sharpness_instrument_rung_by_rung_in_the_committed_table(committed, kind, instrument):
    points = ladder_report.climbs(committed)[kind, instrument, "blur"]
    assert [strength for strength, _ in points] == list(BLURS[1:])
    points = points[:4] if instrument == "high_frequency_share" else points
    assert np.all(SHARPNESS[instrument][1] * np.diff([0, *(change for _, change in points)]) < 0)


# What is committed is what the code gives.


def test_the_committed_table_is_whole(committed):
    asked = {"facade_world": set(INSTRUMENTS), "photographs": set(INSTRUMENTS) - NETS - KNOWN}
    wanted = {
        (kind, name, distortion, f"{strength:.6g}")
        for kind in KINDS
        for name in asked[kind]
        for distortion, strength in on_trial.rungs()
    }
    found = [tuple(row[column] for column in on_trial.COLUMNS[:4]) for row in committed]
    assert set(found) == wanted
    assert len(found) == len(wanted)


def same(ours: list[dict], committed: list[dict[str, str]]) -> None:
    """Every row of ours is committed, to six digits."""
    scores = {tuple(row[column] for column in on_trial.COLUMNS[:4]): row for row in committed}
    for row in ours:
        there = scores[tuple(row[column] for column in on_trial.COLUMNS[:4])]
        for column in ("score", "relative"):
            # The sixth digit itself may fall on either side of a half on another processor.
            assert float(row[column]) == pytest.approx(float(there[column]), rel=1e-5, abs=1e-9), there


def test_the_committed_scores_of_photographs_are_what_the_code_gives(committed):
    wanted = on_trial.rungs(["blur", "checkerboard", "flip", "patch_shuffle", "hue", "mean_of_all"])
    ours = on_trial.rows("photographs", wanted, on_trial.climb_photographs(wanted))
    assert len(ours) == 17 * len(wanted)
    same(ours, committed)


def test_the_committed_scores_of_the_world_are_what_the_code_gives(bundled, committed):
    wanted = [GROUND, ("blur", 1.0), ("salt_and_pepper", 0.1), ("one_for_all", 1 / 3)]
    ours = on_trial.rows("facade_world", wanted, on_trial.climb_world(bundled, wanted, None))
    assert {row["instrument"] for row in ours} == set(INSTRUMENTS) - NETS
    same(ours, committed)


def test_the_exported_arrays_are_the_world_that_was_drawn(bundled):
    """What the command reads; where they are there."""
    path = tiny.ROOT / "arrays" / "facade_world-32.npz"
    if not path.exists():
        pytest.skip("no arrays yet; `dvc repro arrays` makes them")
    exported = on_trial.bundled_world(ladder.load_test_set(path))
    for name in ("photos", "others", "labels", "draws"):
        np.testing.assert_array_equal(getattr(exported, name), getattr(bundled, name))


def test_what_is_relative_follows_from_the_scores(committed):
    undamaged = {(row["images"], row["instrument"]): row for row in committed if row["distortion"] == GROUND[0]}
    for row in committed:
        score, intact = float(row["score"]), float(undamaged[row["images"], row["instrument"]]["score"])
        ratio = INSTRUMENTS[row["instrument"]].ratio
        expected = score / intact if ratio else score - intact
        assert float(row["relative"]) == pytest.approx(expected, rel=2e-5, abs=1e-5 * max(abs(score), abs(intact)))


def test_the_committed_words_follow_from_the_committed_numbers(committed):
    words = (COMMITTED / "instruments.md").read_text(encoding="utf-8")
    assert words == ladder_report.markdown(committed), "instruments.md is stale; run `python -m replications ladder`"


def test_the_words_follow_the_numbers(committed):
    """One cell and one sentence, changed with the scores beneath them."""
    mended = [dict(row) for row in committed]
    for row in mended:
        if (row["images"], row["instrument"], row["distortion"]) == ("photographs", "laplacian_variance", "noise"):
            row["relative"] = "1"
    before, after = (
        {line.split("|")[1].strip(): line for line in section(ladder_report.markdown(table), "Photographs")}
        for table in (committed, mended)
    )
    changed = [name for name in before if before[name] != after[name]]
    assert changed == ["`laplacian_variance`"]
    assert cell(before, changed[0], "noise") == "**rises**"
    assert cell(after, changed[0], "noise") == "blind"
    sentence = ladder_report.in_words("laplacian_variance", ladder_report.answers(ladder_report.climbs(mended)))
    assert sentence.startswith("Blind to noise (photographs), ")
    assert "Counts as sharper: noise (facade_world), salt_and_pepper, " in sentence


def section(words: str, title: str) -> list[str]:
    part = words.split(f"## {title}\n")[1].split("\n## ")[0]
    return [line for line in part.splitlines() if line.startswith("|")]


def cell(lines: dict[str, str], name: str, distortion: str) -> str:
    return lines[name].split("|")[list(DISTORTIONS).index(distortion) + 4].strip()


def test_the_picture_shows_the_table(committed):
    png = (COMMITTED / "instruments.png").read_bytes()
    assert png.startswith(b"\x89PNG")
    assert ladder_report.draw(committed).startswith(b"\x89PNG")
    one = [row for row in committed if row["instrument"] == "l1"]
    assert len(ladder_report.draw(one)) < len(png), "a row of cells for each instrument"


def test_every_instrument_names_its_blind_spot():
    without = {name for name, one in INSTRUMENTS.items() if not ladder_report.known_blind_spot(one.function)}
    assert not without


# The rule.


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([0.0, 0.0], "blind"),
        ([0.05, -0.05, 0.05], "blind"),
        ([0.06], "rises"),
        ([-0.06], "falls"),
        ([0.1, 0.2, 0.3], "rises"),
        ([-0.1, -0.2, -0.3], "falls"),
        ([0.1, 0.07, 0.3], "rises"),  # a step back that does not count
        ([-0.1, -0.07, -0.3], "falls"),
        ([0.1, 0.04, 0.3], "not monotone"),
        ([-0.1, -0.04, -0.3], "not monotone"),
        ([0.3, 0.26, 0.22], "not monotone"),  # small steps back add up
        ([-0.1, 0.1], "not monotone"),
        ([-0.06, 0.2], "not monotone"),
        ([-0.04, 0.2], "rises"),
        ([-0.04, 0.02, 0.06], "rises"),
    ],
)
def test_the_rule_by_hand(changes, expected):
    assert ladder_report.answer(changes, 0.05) == expected
    mirrored = {"falls": "rises", "rises": "falls"}
    assert ladder_report.answer([-change for change in changes], 0.05) == mirrored.get(expected, expected)
    assert expected in ANSWERS


@pytest.mark.parametrize("changes", [[nan], [0.1, inf]])
def test_a_change_that_is_no_number_is_one_clear_error(changes):
    with pytest.raises(on_trial.LadderError, match="expected numbers"):
        ladder_report.answer(changes, 0.05)


def test_a_change_is_a_share_or_a_difference():
    assert INSTRUMENTS["gradient_energy"].change(1.5) == pytest.approx(0.5)
    assert INSTRUMENTS["spectral_slope"].change(-0.5) == pytest.approx(-0.5)
    scores = [{"edge_width": 2.0, "l1": 0.0}, {"edge_width": 3.0, "l1": 0.1}]
    table = on_trial.rows("photographs", [GROUND, ("flip", 1.0)], scores)
    assert [(row["instrument"], row["distortion"], row["relative"]) for row in table] == [
        ("edge_width", "none", "1"),
        ("edge_width", "flip", "1.5"),
        ("l1", "none", "0"),
        ("l1", "flip", "0.1"),
    ]


# The damage.


@every_kind
@every_distortion
def test_damage_is_seeded_keeps_the_shape_and_is_what_a_file_can_hold(images, kind, name):
    intact = images[kind]
    before = intact.copy()
    for strength in DISTORTIONS[name].strengths:
        damaged = on_trial.damage(intact, (name, strength))
        np.random.default_rng(1).random(3)
        np.testing.assert_array_equal(on_trial.damage(intact, (name, strength)), damaged)
        assert damaged.shape == intact.shape
        assert 0 <= damaged.min() <= damaged.max() <= 1
        np.testing.assert_allclose(damaged * 255, np.rint(damaged * 255), atol=1e-9)
        assert not np.array_equal(damaged, intact)
    np.testing.assert_array_equal(intact, before)


@every_kind
@every_distortion
def test_strengths_grow_and_so_does_the_damage(images, kind, name):
    strengths = DISTORTIONS[name].strengths
    assert list(strengths) == sorted(strengths)
    errors = [np.square(on_trial.damage(images[kind], (name, one)) - images[kind]).mean() for one in strengths]
    if (kind, name) == ("facade_world", "shift"):  # bricks repeat themselves
        assert errors[0] == min(errors)
    else:
        assert np.all(np.diff(errors) > 0), errors


def test_undamaged_is_undamaged(images):
    np.testing.assert_array_equal(on_trial.damage(images["photographs"], GROUND), images["photographs"])


def test_salt_and_pepper_by_count(images):
    intact = images["photographs"] * 0.8 + 0.1
    damaged = distortions.salted(intact, 0.1)
    assert (damaged == 0).all(axis=-1).mean() == pytest.approx(0.05, abs=0.01)
    assert (damaged == 1).all(axis=-1).mean() == pytest.approx(0.05, abs=0.01)
    assert (damaged == intact).all(axis=-1).mean() == pytest.approx(0.9, abs=0.01)


def test_a_checkerboard_goes_up_and_down_by_its_amplitude():
    damaged = distortions.checkered(np.full((1, 4, 4, 3), 0.4), 51 * STEP)
    np.testing.assert_allclose(damaged[0, :2, :2, 0], [[0.6, 0.2], [0.2, 0.6]])


def test_patches_stay_whole_and_in_their_picture(images):
    intact = images["facade_world"][:3]
    for pieces in (2, 4, 8):
        side = 32 // pieces

        def patches(image, side=side, pieces=pieces):
            return sorted(
                image[y * side : (y + 1) * side, x * side : (x + 1) * side].tobytes()
                for y in range(pieces)
                for x in range(pieces)
            )

        damaged = distortions.patches_shuffled(intact, pieces)
        for ours, truth in zip(damaged, intact, strict=True):
            assert patches(ours) == patches(truth)
    moved = distortions.patches_shuffled(np.repeat(intact[:1], 3, axis=0), 8)
    assert not np.array_equal(moved[0], moved[1]), "every picture in an order of its own"


@pytest.mark.parametrize("name", ["saturation", "hue"])
def test_colour_alone_leaves_the_luma(images, name):
    """To a step of the file, where no colour is asked for that does not exist."""
    soft = 0.35 + 0.3 * images["photographs"]
    for strength in DISTORTIONS[name].strengths:
        change = rgb2gray(on_trial.damage(soft, (name, strength))) - rgb2gray(soft)
        assert np.abs(change).max() < STEP
    whole_turn = distortions.hue_turned(images["photographs"], 1.0)
    np.testing.assert_allclose(whole_turn, images["photographs"], atol=1e-9)
    assert np.ptp(distortions.greyed(images["photographs"], 1.0), axis=-1).max() < 1e-9


def test_less_light_clips_nothing_and_less_contrast_scales(bundled):
    photographs = distortions.eight_bit(distortions.DARKEST + (1 - distortions.DARKEST) * distortions.photographs(64))
    for intact in (bundled.photos / 255, photographs):
        lost = intact - distortions.darkened(intact, distortions.DARKEST)
        np.testing.assert_allclose(lost, 26 * STEP, atol=1e-9)
        np.testing.assert_allclose(distortions.flattened(intact, 0.5) - 0.5, (intact - 0.5) / 2, atol=STEP)


def test_pictures_are_replaced_or_change_places():
    plain = np.ones((6, 2, 2, 3)) * (np.arange(6) / 5).reshape(6, 1, 1, 1)

    def values(damaged: np.ndarray) -> list[float]:
        return [round(float(value), 3) for value in damaged[:, 0, 0, 0]]

    half = 128 * STEP  # a half, as a file holds it
    assert values(distortions.averaged(plain, 1 / 3)) == pytest.approx([half, half, 0.4, 0.6, 0.8, 1], abs=1e-3)
    assert values(distortions.one_for_all(plain, 2 / 3)) == [1, 1, 1, 1, 0.8, 1]
    assert values(distortions.swapped(plain, 1 / 2)) == [0.4, 0, 0.2, 0.6, 0.8, 1]
    assert values(distortions.swapped(plain, 1)) == [1, 0, 0.2, 0.4, 0.6, 0.8]


def test_smaller_and_as_large_again_is_the_same_where_nothing_is_fine():
    flat = np.full((1, 16, 16, 3), 51 * STEP)
    np.testing.assert_allclose(distortions.rescaled(flat, 4), flat)
    board = np.repeat(np.indices((16, 16)).sum(axis=0)[None, :, :, None] % 2, 3, axis=3).astype(float)
    assert np.ptp(distortions.rescaled(board, 2)) == 0


# The command.


def test_nothing_there_to_damage_or_to_read_with_is_one_line(tmp_path, bundled):
    tiny.write_params(tmp_path, tiny.params("pix2pix"))
    done = tiny.here("ladder", "--study", tmp_path, "--out", tmp_path / "out")
    tiny.assert_one_line_error(done, "facade_world-32.npz is missing", "python -m replications datasets export")
    write_arrays(tmp_path / "arrays", n=250)
    done = tiny.here("ladder", "--study", tmp_path, "--out", tmp_path / "out")
    tiny.assert_one_line_error(done, "classification-facade_world-32.npz: no such file", "dvc repro")
    assert not (tmp_path / "out").exists(), "nothing is written, and nothing climbed, before the nets are there"


def test_another_data_set_is_one_line(tmp_path):
    write_arrays(tmp_path, n=100)
    with pytest.raises(ladder.DataError, match=r"100 test photos.*expected at least 240 of the bundled world"):
        ladder.load_test_set(tmp_path / "facade_world-32.npz")
    np.savez(tmp_path / "facade_world-32.npz", test_photo=np.zeros((300, 8, 8, 3), np.uint8))
    with pytest.raises(ladder.DataError, match=r"without \['door_colour', 'labels'"):
        ladder.load_test_set(tmp_path / "facade_world-32.npz")


def write_arrays(folder: Path, n: int) -> None:
    from replications.datasets.world import render, sample

    labels, factors = sample(np.random.default_rng(SEED), n, 32)
    test = {"photo": render(labels, factors), "labels": labels[..., None], **factors}
    folder.mkdir(exist_ok=True)
    np.savez(folder / "facade_world-32.npz", **{f"test_{name}": values for name, values in test.items()})


def test_a_table_that_is_missing_or_no_table_is_one_line(tmp_path):
    path = tmp_path / "instruments.csv"
    with pytest.raises(on_trial.LadderError, match="no such file; make it with"):
        ladder_report.read_table(path)
    for text in ("", "images,score\n", "images,score\nphotographs,1\n"):
        path.write_text(text)
        with pytest.raises(on_trial.LadderError, match=r"expected .*'relative'.*make it again"):
            ladder_report.read_table(path)


def test_nets_read_each_rung_by_itself(bundled):
    """Two rungs at once, in either order, with readers that know nothing."""
    rng = np.random.default_rng(2)
    damaged = [bundled.photos, np.rint(distortions.blurred(bundled.photos / 255, 3.0) * 255).astype(np.uint8)]
    heads = {name: rng.integers(0, 3, 64, np.uint8) for name in bundled.factors}
    heads["wall_colour"] = rng.integers(0, 4, 64, np.uint8)
    photos = bundled.others[:64]
    settings = {"epochs": 1, "batch_size": 32, "learning_rate": 1e-2, "channels": 2, "seed": 0}
    readers = on_trial.Readers(
        labels=classification.train_classifier(photos, heads, **settings),
        maps=recognition.train_reader(photos, bundled.labels[:64], bundled.n_classes, **settings),
    )
    there, back = (on_trial.reader_scores(some, bundled, readers) for some in (damaged, damaged[::-1]))
    assert there[0] != there[1]
    for one, other in zip(there, back[::-1], strict=True):
        assert one == pytest.approx(other, abs=1e-4)
    assert set(there[0]) == NETS
