"""Curves over variants: which points are drawn, and where."""

import csv
import io

import pytest
from pydantic import BaseModel

from replications.measuring import curves
from replications.measuring.curves import COLUMNS, Curve
from replications.results import as_csv


class Params(BaseModel):
    beta: float


VARIANTS = {"auto": Params(beta=0.0), "small": Params(beta=0.1), "large": Params(beta=10.0)}
SUMMARY = [
    {"variant": name, "instrument": instrument, "mean": mean, "low": mean - 1, "high": mean + 2, "n_seeds": 5}
    for name, instrument, mean in (
        ("auto", "error", 1.0),
        ("small", "error", 2.0),
        ("large", "error", 4.0),
        ("small", "rate", 30.0),
        ("large", "rate", 7.0),
    )
]


def rows(*drawn: Curve, variants=VARIANTS) -> list[dict]:
    return curves.rows(drawn, variants, SUMMARY)


def test_a_score_against_a_hyper_parameter_by_hand():
    assert rows(Curve("error against β", "beta", "error", {"VAE": ("small", "large"), "AE": ("auto",)})) == [
        {"curve": "error against β", "series": "VAE", "variant": "small", "x": 0.1, "y": 2.0, "low": 1.0, "high": 4.0},
        {"curve": "error against β", "series": "VAE", "variant": "large", "x": 10.0, "y": 4.0, "low": 3.0, "high": 6.0},
        {"curve": "error against β", "series": "AE", "variant": "auto", "x": 0.0, "y": 1.0, "low": 0.0, "high": 3.0},
    ]


def test_a_score_against_another_score_has_its_own_interval_alone():
    (point, _) = rows(Curve("rate and distortion", "rate", "error", {"VAE": ("small", "large")}))
    assert (point["x"], point["y"], point["low"], point["high"]) == (30.0, 2.0, 1.0, 4.0)


def test_points_come_in_the_order_of_the_series_and_not_of_the_study():
    ordered = rows(Curve("c", "beta", "error", {"VAE": ("large", "auto", "small")}))
    assert [point["variant"] for point in ordered] == ["large", "auto", "small"]


def test_an_undeclared_variant_is_no_point():
    curve = Curve("c", "beta", "error", {"VAE": ("small", "medium", "large"), "GAN": ("gan",)})
    assert [point["variant"] for point in rows(curve)] == ["small", "large"]
    assert [point["variant"] for point in rows(curve, variants={"small": VARIANTS["small"]})] == ["small"]


def test_several_curves_stand_one_after_the_other():
    two = rows(Curve("a", "beta", "error", {"s": ("small",)}), Curve("b", "beta", "rate", {"s": ("small", "large")}))
    assert [(point["curve"], point["y"]) for point in two] == [("a", 2.0), ("b", 30.0), ("b", 7.0)]
    assert rows() == []


@pytest.mark.parametrize(("x", "y"), [("beta", "speed"), ("speed", "error"), ("rate", "error")])
def test_a_declared_variant_without_such_a_score_is_not_passed_over(x, y):
    """A misspelt instrument must not leave an empty plot; `auto` has no rate."""
    with pytest.raises(KeyError):
        rows(Curve("c", x, y, {"s": ("auto",)}))


def test_a_score_that_only_some_data_sets_know_is_left_out_where_it_is_not_known():
    known = Curve("c", "beta", "rate", {"s": ("auto", "large")}, where_known=True)
    assert [point["variant"] for point in rows(known)] == ["large"]
    assert rows(Curve("c", "beta", "entropy", {"s": ("small", "large")}, where_known=True)) == []
    assert rows(Curve("c", "entropy", "error", {"s": ("small", "large")}, where_known=True)) == []


def test_rows_become_a_table_with_these_columns():
    text = as_csv(COLUMNS, rows(Curve("a, b", "beta", "error", {"s": ("small",)})))
    assert text.splitlines()[0] == "curve,series,variant,x,y,low,high"
    (row,) = csv.DictReader(io.StringIO(text))
    assert row == {
        "curve": "a, b",
        "series": "s",
        "variant": "small",
        "x": "0.1",
        "y": "2.0",
        "low": "1.0",
        "high": "4.0",
    }
