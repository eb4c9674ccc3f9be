"""The answer as pictures: columns of a sheet, a plot of what was measured below them, and clear errors."""

import io
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from replications import study
from replications.causes import measures
from replications.drawing import plain, plt
from replications.errors import ReplicationError
from replications.measuring import sheets
from replications.measuring.curves import Shown
from replications.reporting import glance
from replications.reporting.glance import GlanceError
from replications.reporting.numbers import Mean
from tests import tiny

ROOM = "causes"
SHOWN = SimpleNamespace(
    GLANCE={"photograph": Shown("photo"), "trained": Shown("kl l2", "size_l2", "blur")}, PLOT=measures.PLOT
)


@pytest.fixture
def declared(tmp_path, monkeypatch) -> study.Study:
    """A study with a sheet of one room and means of two of its cells."""
    declared = study.load(tiny.write_study(tmp_path / "tiny", ROOM))
    results = declared.folder / "results" / ROOM
    columns = [(name, np.full((8, 32, 32, 3), i * 90, np.uint8)) for i, name in enumerate(("photo", "kl\nl2"))]
    sheets.save(columns, results / "columns")
    write_summary(declared, 0.5)
    monkeypatch.setattr(glance, "measures", lambda room: SHOWN)
    return declared


def write_summary(declared: study.Study, blur: float) -> None:
    rows = [
        {"variant": variant, "instrument": instrument, "mean": mean, "low": mean - 0.001, "high": mean + 0.001}
        for variant, scores in {"size_l2": (0.01, blur), "kl_adversary": (0.01, 0.1)}.items()
        for instrument, mean in zip(("mmse", "blur"), scores, strict=True)
    ]
    tiny.write_rows(declared.folder / "results" / ROOM / "summary.csv", rows)


def test_a_picture_follows_from_the_results_alone(declared):
    first, again = glance.draw(declared, ROOM), glance.draw(declared, ROOM)
    assert first == again
    with Image.open(io.BytesIO(first)) as picture:
        assert picture.width > 200
    write_summary(declared, 0.2)
    assert glance.draw(declared, ROOM) != first


def test_without_a_plot_the_columns_stand_alone(declared, monkeypatch):
    whole = Image.open(io.BytesIO(glance.draw(declared, ROOM)))
    monkeypatch.setattr(glance, "measures", lambda room: SimpleNamespace(GLANCE=SHOWN.GLANCE))
    assert Image.open(io.BytesIO(glance.draw(declared, ROOM))).height < whole.height


@plain()
def test_each_cell_is_a_point_at_its_means_and_one_that_was_not_measured_is_named():
    scores = {
        ("kl_l2", "mmse"): Mean(0.01, 0.009, 0.011),
        ("kl_l2", "blur"): Mean(0.5, 0.4, 0.6),
    }
    figure, axes = plt.subplots()
    one = replace(measures.PLOT, points={"kl_l2": ("KL term", "L2")})
    glance._points(axes, one, scores, Path("real"), ROOM)
    (point,) = axes.containers
    assert point[0].get_xydata().tolist() == [[0.01, 0.5]]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["KL term", "L2", measures.PLOT.line]
    missing = (
        r"real/results/causes/summary\.csv: no mmse of lossless_l2 or no blur of lossless_l2, expected both; "
        r"run `dvc repro --pull real/dvc\.yaml:measure@causes`"
    )
    with pytest.raises(GlanceError, match=missing):
        glance._points(axes, measures.PLOT, scores, Path("real"), ROOM)
    plt.close(figure)


def test_a_cell_may_have_the_x_of_another_one_and_axes_may_be_higher_than_the_points():
    scores = {
        ("kl_l2", "mmse"): Mean(0.01, 0.009, 0.011),
        ("kl_l2", "blur"): Mean(0.5, 0.4, 0.6),
        ("kl_energy", "mmse"): Mean(0.03, 0.02, 0.04),
        ("kl_energy", "blur"): Mean(0.1, 0.0, 0.2),
    }
    heights = []
    for height in (1.0, 1.5):
        figure, axes = plt.subplots()
        points = {"kl_l2": ("KL term", "L2"), "kl_energy": ("KL term", "energy score")}
        plot = replace(measures.PLOT, points=points, x_of={"kl_energy": "kl_l2"}, height=height)
        glance._points(axes, plot, scores, Path(), ROOM)
        assert [one[0].get_xydata().tolist() for one in axes.containers] == [[[0.01, 0.5]], [[0.01, 0.1]]]
        bottom, top = axes.get_ylim()
        heights.append(top - bottom)
        assert max(axes.get_yticks()) <= bottom + heights[0]
        plt.close(figure)
    assert heights[1] == pytest.approx(1.5 * heights[0])


def test_a_cause_has_the_same_colour_and_a_loss_the_same_marker_in_all_plots_of_a_room():
    (colours, markers), (of_digits, markers_of_digits) = (
        glance._styles(plot, ROOM) for plot in (measures.PLOT, measures.PLOT_REAL)
    )
    for ours, theirs in ((colours, of_digits), (markers, markers_of_digits)):
        shared = ours.keys() & theirs.keys()
        assert len(shared) > 2
        assert {name: ours[name] for name in shared} == {name: theirs[name] for name in shared}
        assert len(set(ours.values())) == len(ours)
    assert colours["nothing lost"] == of_digits["no noise"] == glance.GREY


def test_more_causes_than_colours_are_an_error():
    many = replace(measures.PLOT, points={f"arm_{i}": (f"way {i}", "L2") for i in range(9)})
    with pytest.raises(
        GlanceError, match=r"causes: its plots have \d+ ways and \d losses, expected at most 5 and 4; add"
    ):
        glance._styles(many, ROOM)


def test_variants_that_the_study_does_not_declare_are_left_out(declared, monkeypatch):
    """A study of fewer arms than the bundled one: of what it has not trained, nothing can be shown."""
    drawn = glance.draw(declared, ROOM)
    undeclared = {"another loss": Shown("nobody", "nobody", "blur")}
    plot = replace(measures.PLOT, points={"nobody": ("noise", "L2")})
    monkeypatch.setattr(glance, "measures", lambda room: SimpleNamespace(GLANCE=SHOWN.GLANCE | undeclared, PLOT=plot))
    alone = glance.draw(declared, ROOM)
    assert Image.open(io.BytesIO(alone)).width == Image.open(io.BytesIO(drawn)).width
    monkeypatch.setattr(glance, "measures", lambda room: SimpleNamespace(GLANCE=SHOWN.GLANCE))
    assert glance.draw(declared, ROOM) == alone, "without a point there is no plot"


def test_a_column_that_is_not_there_is_named(declared, monkeypatch):
    wrong = SimpleNamespace(GLANCE={"photograph": Shown("photos")})
    monkeypatch.setattr(glance, "measures", lambda room: wrong)
    with pytest.raises(GlanceError, match="no column 'photos', expected one of photo, kl l2"):
        glance.draw(declared, ROOM)


@pytest.mark.parametrize(
    ("text", "said"), [(None, "no such file"), ("variant,instrument,mean\nkl_l2,mmse,x\n", "damaged")]
)
def test_a_summary_that_cannot_be_read_is_named(declared, text, said):
    path = declared.folder / "results" / ROOM / "summary.csv"
    path.unlink() if text is None else path.write_text(text, encoding="utf-8")
    with pytest.raises(ReplicationError, match=rf"summary.csv: {said}.*measure@causes"):
        glance.draw(declared, ROOM)


def test_the_bundled_study_has_pictures_of_three_rooms_and_real_images_of_one():
    root, real, paper = (study.load(tiny.ROOT / folder) for folder in study.STUDIES)
    rooms = glance.rooms(root)
    assert set(rooms) == {"pix2pix", "causes", "vae_vs_gan"}
    for room in rooms:
        assert len(set(glance.measures(room).GLANCE)) >= 5
    assert set(glance.rooms(real)) == {"vae_vs_gan", "causes"}
    assert glance.rooms(paper) == []
    assert glance.file_of(root, "causes") == "at_a_glance_causes.png"
    assert glance.file_of(real, "causes") == "at_a_glance_causes_real.png"
    shown = {one.variant for one in glance.measures("vae_vs_gan").GLANCE_REAL.values() if one.variant}
    assert shown <= set(real.variants["vae_vs_gan"])
    assert set(glance.measures("causes").PLOT_REAL.points) == set(real.variants["causes"])


def test_below_a_column_stands_its_sharpness_with_its_interval():
    scores = {("l1", "edge"): Mean(0.561, 0.55, 0.579)}

    def below(*shown: str) -> str:
        return glance._below(Shown(*shown), scores, Path(), "causes")

    assert below("l1", "l1", "edge") == "0.56 [0.55, 0.58]"
    assert below("photo") == "sharpness 1"
    assert below("labels") == ""
    with pytest.raises(GlanceError, match=r"causes/summary\.csv: no edge of l2, expected one; run .*measure@causes"):
        below("l2", "l2", "edge")
