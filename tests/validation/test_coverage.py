"""A slice of the twin study, and the statistics that it is summed up by."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.validation.coverage import Share, coverage_table, coverages
from bench.validation.runs import Compared
from bench.validation.study import coverage_study

RIG = Path(__file__).resolve().parents[2] / "fixtures" / "simulated.yaml"


def made(error: float, seed: int = 1, expanded: float = 2.0) -> Compared:
    return Compared(seed, "basal", "total_volume", "U", 1.0 + error, expanded, 2.0, 1.0)


@pytest.mark.parametrize(
    ("hits", "runs", "interval"),
    [
        # Clopper and Pearson's intervals as published tables give them.
        (0, 10, (0.0, 0.30850)),
        (10, 10, (0.69150, 1.0)),
        (380, 400, (0.92386, 0.96920)),
        (5, 10, (0.18709, 0.81291)),
    ],
)
def test_the_interval_of_a_share_is_exact(hits: int, runs: int, interval: tuple[float, float]) -> None:
    assert Share(hits, runs).interval() == pytest.approx(interval, abs=2e-4)


def test_coverage_counts_what_lies_inside() -> None:
    (found,) = coverages([made(0.5), made(-2.0), made(2.5), made(0.0)])
    assert (found.share.hits, found.share.runs) == (3, 4)
    assert found.bias == pytest.approx(0.25)
    assert found.rms_over_u == pytest.approx(((0.25 + 4.0 + 6.25) / 4.0) ** 0.5)
    assert "75.0 % of 4" in coverage_table([found])


def test_a_count_without_uncertainty_is_covered_only_when_it_is_right() -> None:
    (found,) = coverages([made(0.0, expanded=0.0), made(1.0, expanded=0.0)])
    assert (found.share.hits, found.exact) == (1, 2)


def test_a_study_goes_on_where_it_stopped_and_evaluates_again(tmp_path: Path) -> None:
    text = RIG.read_text(encoding="utf-8")
    told: list[tuple[int, int]] = []
    first = coverage_study(text, ["bolus"], [1], tmp_path, jobs=1, keep=True)
    both = coverage_study(text, ["bolus"], [1, 2], tmp_path, jobs=1, keep=True, progress=lambda *n: told.append(n))
    assert told == [(1, 2), (2, 2)]
    assert both[: len(first)] == first
    recording = tmp_path / "bolus" / "2" / "recording.sqlite"
    stamp = recording.stat().st_mtime_ns
    assert coverage_study(text, ["bolus"], [1, 2], tmp_path, jobs=1, keep=True, again=True) == both
    assert recording.stat().st_mtime_ns == stamp
    found = coverages(both)
    volumes = next(each for each in found if each.name == "mean_volume")
    assert volumes.share.hits == 2
    assert volumes.rms_over_u < 3.0
