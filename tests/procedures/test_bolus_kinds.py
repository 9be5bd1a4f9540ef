"""Spread and cancelled boluses and those of several sizes: what is refused, driven, and found in known curves."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from bench.plan.load import load_plan
from bench.plan.model import PlanError
from bench.procedures import registry
from bench.procedures.base import Context
from bench.procedures.bolus.catalogue import CATALOGUE, EQUAL, lacking, specs_of
from bench.procedures.bolus.procedure import PROCEDURE
from bench.procedures.bolus.settings import BolusSettings
from bench.procedures.bolus.spread import Programmed, worst
from bench.quantities import Concentration
from bench.results.model import Evaluation
from bench.run.judging import UnresolvableError, check_resolvable
from drivers.roles import DeliversBolus, DeliversExtendedBolus
from tests.procedures.made_contexts import UL_PER_MG, context
from tests.procedures.made_recordings import Made, pulses_mg
from tests.procedures.staged import Staged

Floats = NDArray[np.float64]
U100 = Concentration(100.0)
BLANK_S = 300.0
ONE = "  - {id: T-1, procedure: bolus, volume: 1 U, count: 2, blank: 5 min, %s}\n"
SQUARE = ONE % "shape: square, over: 10 min, accept: {course_error: <= 10 %}"
DUAL = ONE % "shape: dual, over: 10 min, now: 40 %, accept: {course_error: <= 10 %}"
CANCELLED = ONE % "cancel_after: 50 %, accept: {cancelled_difference: ±10 %}"
SIZES = (
    "  - {id: T-1, procedure: bolus, volumes: [0.1 U, 0.5 U], count: 2, blank: 5 min,"
    " accept: {largest_size_error: ±20 %}}\n"
)


def settings(of: Context) -> BolusSettings:
    found = of.plan.tests[0].settings
    assert isinstance(found, BolusSettings)
    return found


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "`volume` is missing"),
        ({"volume": "1 U", "volumes": ["1 U", "2 U"]}, "exclude each other"),
        ({"volume": "0 U"}, "`volume` must be more than nothing"),
        ({"volumes": ["0.1 U", "0 U"]}, "`volumes` must be more than nothing"),
        ({"volumes": ["1 U", "0.1 U"]}, "`volumes` must go up"),
        ({"volumes": ["1 µL", "1 U"]}, "must all be in U, or all in"),
        ({"volumes": ["1 U", "2 U"], "cancel_after": "50 %"}, "leave out `cancel_after`"),
        ({"volumes": ["1 U", "2 U"], "shape": "square", "over": "5 min"}, "leave out `shape`"),
        ({"volume": "1 U", "over": "30 min"}, "`over` belongs to a spread bolus"),
        ({"volume": "1 U", "now": "40 %"}, "`now` belongs to a spread bolus"),
        ({"volume": "1 U", "shape": "square"}, "needs `over`"),
        ({"volume": "1 U", "shape": "square", "over": "30 s"}, "a minute or more"),
        ({"volume": "1 U", "shape": "square", "over": "30 min", "now": "40 %"}, "nothing that comes at once"),
        ({"volume": "1 U", "shape": "dual", "over": "30 min"}, "needs `now`"),
        ({"volume": "1 U", "shape": "dual", "over": "30 min", "now": "100 %"}, "less than 100 %"),
        ({"volume": "1 U", "shape": "dual", "over": "30 min", "now": "1 U"}, "1 U is not less than 1 U"),
        ({"volume": "1 U", "cancel_after": "120 %"}, "less than 100 %"),
        ({"volume": "1 U", "cancel_after": "2 U"}, "must be less than the bolus"),
        ({"volume": "1 U", "cancel_after": "0 s"}, "more than nothing"),
        ({"volume": "1 U", "cancel_after": "half"}, "no ratio"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        BolusSettings.model_validate(keys)


def test_a_plan_with_a_wrong_shape_is_told_where() -> None:
    of = context(DUAL)
    text = of.plan.text.replace("now: 40 %, ", "")
    with pytest.raises(PlanError, match="needs `now`"):
        load_plan(text, registry(), name="plan.yaml")


def test_a_spread_bolus_needs_a_pump_that_has_it() -> None:
    assert PROCEDURE.requires(settings(context(SQUARE)))["pump"] == [DeliversBolus, DeliversExtendedBolus]
    assert PROCEDURE.requires(settings(context(CANCELLED)))["pump"] == [DeliversBolus]


def test_every_measurement_belongs_to_a_kind_or_is_refused_with_a_way_out() -> None:
    for kind in ("equal", "spread", "cancelled", "sizes"):
        assert set(specs_of(kind)) | set(lacking(kind)) == set(CATALOGUE)
    assert list(specs_of("equal")) == list(EQUAL)
    assert list(specs_of("sizes")) == ["largest_size_error"]


@pytest.mark.parametrize(
    ("test", "asked", "words"),
    [
        (ONE % "accept: {course_error: <= 10 %}", "course_error", "only a spread bolus has a programmed course"),
        (CANCELLED.replace("cancelled_difference", "mean_error"), "mean_error", "ask for `cancelled_difference`"),
        (SIZES.replace("largest_size_error", "mean_error"), "mean_error", "several sizes"),
        (
            SQUARE.replace("course_error: <= 10 %", "delivery_time: <= 10 min"),
            "delivery_time",
            "ask for `course_error`",
        ),
    ],
)
def test_a_limit_that_a_kind_cannot_have_is_refused_before_the_pump_is_started(
    test: str, asked: str, words: str
) -> None:
    of = context(test)
    with pytest.raises(UnresolvableError) as refused:
        check_resolvable(of.plan.tests[0], PROCEDURE, of)
    assert f"{asked}: " in str(refused.value)
    assert words in str(refused.value)
    assert "inf" not in str(refused.value)


@pytest.mark.parametrize("test", [SQUARE, DUAL, CANCELLED, SIZES])
def test_sensible_limits_are_let_through(test: str) -> None:
    of = context(test)
    check_resolvable(of.plan.tests[0], PROCEDURE, of)


def driven(test: str) -> Staged:
    of = context(test)
    staged = Staged(of)
    PROCEDURE.drive(settings(of), staged)
    return staged


def test_a_dual_bolus_is_told_in_parts_and_waited_for() -> None:
    staged = driven(DUAL)
    assert staged.pump.log == ["extended 4 6 600"] * 2
    command = staged.data("bolus commanded")[0]
    assert (command["volume_ul"], command["now_ul"], command["over_s"]) == (10.0, 4.0, 600.0)
    assert [done["reported_ul"] for done in staged.data("bolus done")] == [10.0] * 2
    of = staged.context
    assert staged.clock.now_s() == pytest.approx(PROCEDURE.expected_duration_s(settings(of), of.plan), abs=5.0)


@pytest.mark.parametrize(("after", "reported_ul"), [("50 %", 5.0), ("0.2 U", 2.0), ("10 s", 2.5)])
def test_a_bolus_is_cancelled_by_what_the_pump_reports_or_by_time(after: str, reported_ul: float) -> None:
    staged = driven(CANCELLED.replace("50 %", after))
    assert staged.pump.log == ["bolus 10", "cancel"] * 2
    first = staged.data("bolus done")[0]
    assert first["reported_ul"] == pytest.approx(reported_ul, abs=0.13)
    assert first["cancelled"] is True
    cancel = staged.data("bolus cancelled")[0]
    assert (cancel["index"], first["active_s"]) == (1, cancel["acknowledged_s"])
    of = staged.context
    assert staged.clock.now_s() == pytest.approx(PROCEDURE.expected_duration_s(settings(of), of.plan), abs=5.0)


def test_sizes_are_gone_through_from_the_smallest_up() -> None:
    staged = driven(SIZES)
    assert staged.pump.log == ["bolus 1", "bolus 1", "bolus 5", "bolus 5"]
    assert [data["index"] for data in staged.data("bolus commanded")] == [1, 2, 3, 4]
    assert staged.clock.now_s() == pytest.approx(2 * 300.0 + 2 * (4.0 + 20.0 + 2 * 90.0), abs=3.0)


def test_the_programme_of_a_dual_bolus_is_a_band_and_of_a_square_one_a_line() -> None:
    square, dual = Programmed(0.0, 10.0, 600.0), Programmed(5.0, 5.0, 600.0)
    time_s = np.array([-1.0, 0.0, 60.0, 300.0, 600.0, 900.0])
    assert square.earliest_percent(time_s) == pytest.approx([0.0, 0.0, 10.0, 50.0, 100.0, 100.0])
    assert square.latest_percent(time_s) == pytest.approx(square.earliest_percent(time_s))
    # 5 µL at 2.5 µL/min take 120 s.
    assert dual.earliest_percent(time_s) == pytest.approx([0.0, 50.0, 55.0, 75.0, 100.0, 100.0])
    assert dual.latest_percent(time_s) == pytest.approx([0.0, 0.0, 25.0, 65.0, 90.0, 100.0])
    begins = np.array([0.0, 290.0])
    assert dual.outside(begins, 20.0, np.array([99.0, 60.0])) == pytest.approx([99.0 - 50.83, -5.0], abs=0.1)


def test_the_worst_of_many_is_told_with_what_chance_adds() -> None:
    found = worst(np.array([0.0, -3.0, 2.0, -2.9, 0.1]), 0.2)
    assert (found.place, found.percent) == (1, -3.0)
    assert found.by_chance == pytest.approx(0.2 * math.sqrt(2.0 * math.log(2.0)))
    assert worst(np.array([0.0, -3.0, 2.0]), 0.2).by_chance == 0.0


def recorded(
    boluses: list[tuple[float, float, float, dict[str, Any]]], pulses: list[tuple[float, float]], seed: int | None
) -> Made:
    """Return a recording of boluses `(command, done, reported µL, further data)` and pulses `(instant, µL)`."""
    end_s = boluses[-1][1] + 90.0
    made = Made(end_s + BLANK_S + 2.0)
    made.climate()
    made.events = [(0.0, "blank started", {}), (BLANK_S, "blank ended", {})]
    for index, (sent_s, done_s, reported_ul, data) in enumerate(boluses, start=1):
        told = {"index": index, "volume_ul": 10.0, "sent_s": sent_s, "acknowledged_s": sent_s + 0.1, **data}
        cancelled_s = told.pop("cancelled_s", None)
        active_s = done_s - 0.5 if cancelled_s is None else cancelled_s
        made.events.append((sent_s + 0.1, "bolus commanded", told))
        if cancelled_s is not None:
            cancel = {"index": index, "sent_s": cancelled_s - 0.1, "acknowledged_s": cancelled_s}
            made.events.append((cancelled_s, "bolus cancelled", cancel))
        done = {"index": index, "reported_ul": reported_ul, "active_s": active_s, "cancelled": cancelled_s is not None}
        made.events.append((done_s, "bolus done", done))
    made.events += [(end_s + 1.0, "blank started", {}), (end_s + BLANK_S + 1.0, "blank ended", {})]
    given = [(at_s, volume_ul / UL_PER_MG) for at_s, volume_ul in pulses]
    made.balance(lambda time_s: pulses_mg(time_s, given) - 0.05 / 3600.0 * time_s, seed)
    return made


def evaluated(test: str, made: Made) -> Evaluation:
    of = context(test)
    return PROCEDURE.evaluate(settings(of), made.in_memory(), of)


def value(found: Evaluation, name: str) -> float:
    known = next(one.value for one in found.measurements if one.name == name)
    assert known is not None
    return known


def cancelled(after_ul: float, seed: int | None = 2) -> Evaluation:
    """Evaluate two boluses that are cancelled after 5 µL, and `after_ul` of each that comes 10 s later."""
    begins = [301.0, 500.0]
    boluses = [(begin, begin + 21.0, 5.0, {"cancelled_s": begin + 20.8}) for begin in begins]
    pulses = [(begin + 2.0 * i, 0.5) for begin in begins for i in range(1, 11)]
    pulses += [(begin + 31.0, after_ul) for begin in begins if after_ul]
    return evaluated(CANCELLED, recorded(boluses, pulses, seed))


@pytest.mark.parametrize("after_ul", [0.0, 1.0, 5.0])
def test_what_came_after_a_cancel_is_told_from_what_came_before(after_ul: float) -> None:
    found = cancelled(after_ul)
    assert value(found, "cancelled_difference") == pytest.approx(20.0 * after_ul, abs=0.5)
    assert value(found, "after_cancel") == pytest.approx(0.1 * after_ul, abs=0.006)
    assert value(found, "mean_volume") == pytest.approx(0.1 * (5.0 + after_ul), abs=0.002)
    assert value(found, "reported_difference") == pytest.approx(-10.0 * after_ul, abs=0.3)
    assert {one.name for one in found.measurements} == set(specs_of("cancelled"))
    if after_ul == 5.0:
        assert "the pump reported 0.5 U, and 1 U arrived (mean): 0.5 U more than it says." in found.findings[0]
        assert "U of it came later than 2 s after the pump had acknowledged the cancel" in found.findings[0]
    assert found.doubts == []


def test_boluses_that_were_done_before_they_could_be_cancelled_are_a_doubt() -> None:
    boluses = [(301.0, 322.0, 5.0, {"cancelled_s": 321.8}), (500.0, 541.0, 10.0, {})]
    pulses = [(begin + 2.0 * i, 0.5) for begin, number in ((301.0, 10), (500.0, 20)) for i in range(1, number + 1)]
    found = evaluated(CANCELLED, recorded(boluses, pulses, 2))
    assert any("Only 1 of 2 boluses could be cancelled" in doubt for doubt in found.doubts)


def test_a_course_that_comes_late_is_off_by_what_is_missing() -> None:
    """Square over 10 min in 20 pulses of 30 s, each at its end; the second bolus pauses for its first half."""
    data = {"now_ul": 0.0, "over_s": 600.0}
    begins = [301.0, 1100.0]
    boluses = [(begin, begin + 600.5, 10.0, data) for begin in begins]
    even = [(begins[0] + 30.0 * i, 0.5) for i in range(1, 21)]
    late = [(begins[1] + 300.0 + 15.0 * i, 0.5) for i in range(1, 21)]
    found = evaluated(SQUARE, recorded(boluses, even + late, 3))
    course = next(one for one in found.measurements if one.name == "course_error")
    # Half of it is due when the pump begins; the next block of 10 s has 0.8 % more due, and nothing yet.
    assert course.value == pytest.approx(50.8, abs=0.5)
    assert course.note.startswith("bolus 2, ")
    assert "too late" in course.note
    assert found.findings[0].startswith("Bolus 2 was 51 % of its volume behind its programme")
    only_even = evaluated(SQUARE, recorded(boluses[:1], even, 3))
    # One pulse of 5 % comes at the end of its interval: the last block of 10 s lacks 5 % · 25/30.
    assert value(only_even, "course_error") == pytest.approx(4.2, abs=0.4)
    assert {figure.name for figure in found.figures} >= {"course", "boluses"}
    assert only_even.findings == []


def test_a_spread_bolus_that_the_pump_ends_at_once_is_told(tmp_path: Path) -> None:
    del tmp_path
    boluses = [(begin, begin + 41.0, 10.0, {"now_ul": 0.0, "over_s": 600.0}) for begin in (301.0, 500.0)]
    pulses = [(begin + 2.0 * i, 0.5) for begin in (301.0, 500.0) for i in range(1, 21)]
    found = evaluated(SQUARE, recorded(boluses, pulses, 3))
    assert value(found, "course_error") > 80.0
    assert found.findings[0].startswith("The pump called bolus 1 done after 0.7 min; its programme takes 10 min.")


def test_each_size_has_its_own_error_and_the_one_that_may_be_worst_counts() -> None:
    sizes = [1.0, 1.0, 5.0, 5.0]
    given = [1.1, 1.1, 4.9, 5.0]
    begins = [301.0 + 150.0 * i for i in range(4)]
    boluses = [(begin, begin + 4.0, size, {"volume_ul": size}) for begin, size in zip(begins, sizes, strict=True)]
    pulses = [(begin + 2.0, volume) for begin, volume in zip(begins, given, strict=True)]
    found = evaluated(SIZES, recorded(boluses, pulses, 4))
    assert value(found, "largest_size_error") == pytest.approx(10.0, abs=2.0)
    table = next(table for table in found.tables if table.name == "sizes")
    assert [row[0] for row in table.rows] == ["0.1", "0.5"]
    assert [float(row[3]) for row in table.rows] == pytest.approx([10.0, -1.0], abs=2.0)
    assert "of 2 sizes that of 0.1 U" in found.measurements[0].note
    assert [pulse.volume_ul for pulse in found.pulses] == pytest.approx(given, abs=0.05)


def test_part_of_a_bolus_as_share_or_as_volume() -> None:
    for now in ("40 %", "0.4 U", "4 µL"):
        made = BolusSettings.model_validate({"volume": "1 U", "shape": "dual", "over": "30 min", "now": now})
        assert made.programmed(10.0, U100) == Programmed(4.0, 6.0, 1800.0)
    beyond = BolusSettings.model_validate({"volume": "1 U", "shape": "dual", "over": "30 min", "now": "12 µL"})
    with pytest.raises(ValueError, match="must be less than the bolus"):
        beyond.programmed(10.0, U100)
