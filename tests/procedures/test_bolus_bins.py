"""Bins and bands: every edge, exactly, and what weighing leaves open in a share."""

import math

import numpy as np
import pytest

from bench.metrology.shares import probability_within, share_standard_uncertainty, share_within
from bench.procedures.bolus.bins import (
    EDGES_OF_8_PERCENT,
    EDGES_OF_10_PERCENT,
    bin_counts,
    bin_names,
    bin_table,
)


@pytest.mark.parametrize(
    ("percent", "bin_of_8", "bin_of_10"),
    [
        (-3.0, 0, 0),
        (0.0, 0, 0),
        (math.nextafter(25.0, 0.0), 0, 0),
        (25.0, 1, 1),
        (math.nextafter(75.0, 0.0), 1, 1),
        (75.0, 2, 2),
        (math.nextafter(90.0, 0.0), 2, 2),
        (90.0, 2, 3),
        (math.nextafter(95.0, 0.0), 2, 3),
        (95.0, 3, 4),
        (math.nextafter(105.0, 0.0), 3, 4),
        (105.0, 4, 5),
        (math.nextafter(110.0, 0.0), 4, 5),
        (110.0, 4, 6),
        (math.nextafter(125.0, 0.0), 4, 6),
        (125.0, 5, 7),
        (math.nextafter(175.0, 0.0), 5, 7),
        (175.0, 6, 8),
        (250.0, 6, 8),
        (math.nextafter(250.0, 300.0), 7, 9),
    ],
)
def test_each_edge_belongs_to_one_bin(percent: float, bin_of_8: int, bin_of_10: int) -> None:
    eight = bin_counts([percent], EDGES_OF_8_PERCENT)
    ten = bin_counts([percent], EDGES_OF_10_PERCENT)
    assert (len(eight), len(ten)) == (8, 10)
    assert eight.index(1) == bin_of_8
    assert ten.index(1) == bin_of_10


def test_ten_bins_merge_into_the_eight() -> None:
    percents = np.random.default_rng(7).normal(100.0, 40.0, 2000).tolist()
    eight, ten = bin_counts(percents, EDGES_OF_8_PERCENT), bin_counts(percents, EDGES_OF_10_PERCENT)
    assert sum(eight) == sum(ten) == 2000
    merged = [*ten[:2], ten[2] + ten[3], ten[4], ten[5] + ten[6], *ten[7:]]
    assert merged == eight


def test_table_has_a_row_for_each_bin() -> None:
    names = "<25 %|25 to <75 %|75 to <95 %|95 to <105 %|105 to <125 %|125 to <175 %|175 to 250 %|>250 %"
    assert bin_names(EDGES_OF_8_PERCENT) == names.split("|")
    table = bin_table([100.0, 100.0, 94.0, 106.0], EDGES_OF_8_PERCENT)
    assert table.name == "bins_8"
    assert table.columns == ["volume, % of commanded", "boluses", "share"]
    assert [row[0] for row in table.rows] == [*names.split("|"), "all"]
    assert table.rows[2:5] == [
        ["75 to <95 %", "1", "25.0 %"],
        ["95 to <105 %", "2", "50.0 %"],
        ["105 to <125 %", "1", "25.0 %"],
    ]
    assert table.rows[-1] == ["all", "4", "100 %"]
    assert all(len(row) == len(table.columns) for row in table.rows)


def test_share_counts_the_band_edges_in() -> None:
    assert share_within([5.0, -5.0, 5.0001, 0.0], 5) == 75.0


def test_probability_within_band_at_an_edge_is_a_half() -> None:
    assert probability_within(5.0, 5.0, 0.1) == pytest.approx(0.5)
    assert probability_within(0.0, 1.959964, 1.0) == pytest.approx(0.95, abs=1e-6)
    assert probability_within(5.0, 5.0, 0.0) == 1.0
    assert probability_within(5.1, 5.0, 0.0) == 0.0


def test_share_uncertainty_matches_repeated_weighing() -> None:
    """Weigh the same boluses over and over: the scatter of the share is what is stated for it."""
    rng = np.random.default_rng(11)
    true = rng.normal(0.0, 6.0, 40)
    own = np.full(40, 1.5)
    weighed = true[None, :] + rng.normal(0.0, 1.5, (4000, 40))
    shares = [share_within(row.tolist(), 5) for row in weighed]
    stated = [share_standard_uncertainty(row.tolist(), 5, own.tolist(), 0.0)[0] for row in weighed[:200]]
    assert np.mean(stated) == pytest.approx(float(np.std(shares)), rel=0.25)


def test_common_error_moves_every_bolus_at_once() -> None:
    own, common = share_standard_uncertainty([4.9] * 10, 5, [0.0] * 10, 0.5)
    assert own == 0.0
    assert common == 100.0
