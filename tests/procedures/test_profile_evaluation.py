"""A day whose every dose is known: what evaluation finds is what was put in."""

from __future__ import annotations

import pytest

from tests.procedures.made_days import HOUR_S, MadeDay, measured, table, value

SEGMENTS = "[{at: 0 h, rate: 1 U/h}, {at: 58.5 min, rate: 2 U/h}, {at: 122.25 min, rate: 0.5 U/h}]"
FIRST_S, SECOND_S = 58.5 * 60.0, 122.25 * 60.0


def day(*, carried: bool = True, late_s: float = 0.0, size: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> MadeDay:
    """Three segments over 4 h; the changes come half-way between doses, so that half a dose is carried or dropped."""
    made = MadeDay("", SEGMENTS, 4.0)
    due = made.rate(0.0, FIRST_S + late_s, 1.0, size[0])
    due = made.rate(FIRST_S + late_s, SECOND_S + late_s, 2.0, size[1], due if carried else 0.0)
    made.rate(SECOND_S + late_s, 4 * HOUR_S, 0.5, size[2], due if carried else 0.0)
    return made


def test_a_faithful_day_has_no_error() -> None:
    found = day().evaluate()
    for name in ("mean_error", "basal_error", "lost_at_changes", "clock_error"):
        one = measured(found, name)
        assert one.value == pytest.approx(0.0, abs=one.expanded_uncertainty), name
    assert value(found, "largest_segment_error") < 1.5
    assert value(found, "segments_within_15_percent") == 100.0
    # A half of the first new interval was left, 45 s; with that the second change came just after a dose.
    assert value(found, "response_delay") == pytest.approx((0.75 + 6.0) / 2.0, abs=0.02)
    assert value(found, "largest_response_delay") == pytest.approx(6.0, abs=0.02)
    assert value(found, "largest_excess_delay") == pytest.approx(0.0, abs=0.02)
    assert not found.doubts
    assert found.findings == []
    names = {each.name for each in found.measurements}
    assert "bolus_error" not in names
    assert "suspended_volume" not in names


def test_what_a_change_drops_is_found_to_a_tenth_of_a_dose() -> None:
    found = day(carried=False).evaluate()
    assert value(found, "lost_at_changes") == pytest.approx(0.025, abs=0.004)
    assert value(found, "largest_loss_at_change") == pytest.approx(0.025, abs=0.006)
    assert value(found, "response_delay") == pytest.approx((1.5 + 6.0) / 2.0, abs=0.02)
    assert value(found, "largest_excess_delay") == pytest.approx(0.0, abs=0.02)
    rows = table(found, "changes").rows
    assert [row[0] for row in rows] == ["00:58", "02:02"]
    assert [row[4] for row in rows] == ["yes", "yes"]
    assert found.findings[0].startswith("Insulin is lost when the rate changes: 0.02")
    assert "at each of 2 changes on average, of doses of 0.05 U" in found.findings[0]


def test_a_segment_that_gives_too_little_is_named() -> None:
    found = day(size=(1.0, 1.0, 0.8)).evaluate()
    one = measured(found, "largest_segment_error")
    assert one.value == pytest.approx(20.0, abs=1.5)
    assert one.note == "segment from 02:02: too little"
    assert value(found, "segments_within_15_percent") == pytest.approx(200.0 / 3.0)
    errors = [row[6] for row in table(found, "segments").rows]
    assert errors[2].startswith("-20") or errors[2].startswith("-19")
    assert [row[7] for row in table(found, "segments").rows] == ["yes", "yes", "NO"]
    assert "% too little came in the segment from 02:02 (0.5 U/h); the others" in found.findings[0]
    assert found.findings[0].endswith("Is it the low rate that the pump does not keep?")


def test_a_time_without_delivery_is_told_with_what_was_due() -> None:
    made = day()
    ended = made.evaluate(doses=[dose for dose in made.doses if dose[0] < 7500.0])
    # The last dose comes with the change to 0.5 U/h at 02:02, and that is due until 04:00.
    assert ended.findings == [
        "Nothing more came from 02:02 on, while 0.98 U were due: is the reservoir empty, the line shut, or did the pump"
        " stop?"
    ]
    paused = made.evaluate(doses=[dose for dose in made.doses if not 4000.0 < dose[0] < 5000.0])
    assert paused.findings[0].startswith("Nothing came from 01:05 to 01:25, while 0.65 U were due")


@pytest.mark.parametrize("late_s", [1200.0, -1200.0])
def test_a_profile_that_comes_late_or_early_is_told_by_how_much(late_s: float) -> None:
    found = day(late_s=late_s).evaluate()
    assert abs(value(found, "response_delay")) == pytest.approx(20.0, abs=4.0)
    assert value(found, "largest_excess_delay") == pytest.approx(20.0, abs=4.0)
    assert "did not change its rate when it was told" in found.findings[0]
    assert f"min {'late' if late_s > 0.0 else 'early'}" in found.findings[0]
    assert f"min {'slow' if late_s > 0.0 else 'fast'}?" in found.findings[0]
    assert found.figures[0].name == "rates"
    assert all("U/h comes" in mark.label for mark in found.figures[0].marks if mark.label != "stopped")
    assert [row[4] for row in table(found, "changes").rows] == ["NO", "NO"]


def test_a_fast_clock_is_told_by_the_intervals() -> None:
    made = day()
    hurried = [(at_s / 1.02, volume_ul) for at_s, volume_ul in made.doses]
    found = made.evaluate(doses=hurried)
    assert value(found, "clock_error") == pytest.approx(2.0, abs=measured(found, "clock_error").expanded_uncertainty)
    assert found.findings[0].startswith("The pump's clock runs 2 % fast")


def suspended(extra_ul: float = 0.0, first: float = 1.0) -> MadeDay:
    made = MadeDay(", overlay: [{at: 61.5 min, suspend: 30 min}]", "[{at: 0 h, rate: 1 U/h}]", 3.0)
    begin_s, end_s = 61.5 * 60.0, 91.5 * 60.0
    due = made.rate(0.0, begin_s, 1.0)
    made.rate(end_s, 3 * HOUR_S, 1.0, 1.0, due)
    after = next(i for i, dose in enumerate(made.doses) if dose[0] > end_s)
    made.doses[after] = (made.doses[after][0], made.doses[after][1] * first)
    if extra_ul:
        made.doses.append((begin_s + 900.0, extra_ul))
    made.say(begin_s, "delivery suspended")
    made.say(end_s, "delivery resumed")
    return made


def test_what_comes_while_suspended_is_a_volume() -> None:
    nothing = measured(suspended().evaluate(), "suspended_volume")
    assert nothing.value == pytest.approx(0.0, abs=nothing.expanded_uncertainty)
    assert nothing.expanded_uncertainty is not None
    assert nothing.expanded_uncertainty < 0.015
    assert "would have given 0.5 U" in nothing.note
    assert value(suspended(1.5).evaluate(), "suspended_volume") == pytest.approx(0.15, abs=0.01)


def test_a_double_dose_after_resuming_is_what_that_change_added() -> None:
    assert value(suspended().evaluate(), "largest_loss_at_change") < 0.006
    found = suspended(first=2.0).evaluate()
    assert value(found, "lost_at_changes") == pytest.approx(-0.05, abs=0.006)
    assert measured(found, "largest_loss_at_change").note.endswith("added")
    assert "too much came when delivery went on after the suspension at 01:02" in found.findings[0]
    course = found.figures[0]
    assert course.name == "cumulative"
    # The first dose after the suspension is half an interval of 3 min after its end.
    (mark,) = [each for each in course.marks if each.label.endswith(" U")]
    assert mark.x == pytest.approx((91.5 + 1.5) / 60.0, abs=0.01)
    assert mark.label.startswith("+0.05")


def with_bolus(given: float = 1.0, paused_s: float = 0.0) -> MadeDay:
    """A bolus of 2 U (80 s) in the middle of a dose interval of 360 s, while which basal may pause."""
    made = MadeDay(", overlay: [{at: 62 min, bolus: 2 U}]", "[{at: 0 h, rate: 0.5 U/h}]", 3.0)
    begin_s = 62.0 * 60.0
    due = made.rate(0.0, begin_s, 0.5)
    made.rate(begin_s + paused_s, 3 * HOUR_S, 0.5, 1.0, due)
    made.bolus(begin_s, 20.0, given=given)
    return made


def test_a_bolus_is_weighed_with_the_basal_taken_out() -> None:
    found = with_bolus().evaluate()
    assert value(found, "bolus_error") == pytest.approx(0.0, abs=0.7)
    assert value(found, "interaction") == pytest.approx(0.0, abs=0.001)
    short = with_bolus(given=0.9).evaluate()
    assert value(short, "bolus_error") == pytest.approx(-10.0, abs=0.7)
    assert value(short, "basal_error") == pytest.approx(0.0, abs=2.0)
    assert measured(short, "largest_bolus_error").note == "normal bolus of 2 U at 01:02: too little"


def test_basal_that_pauses_for_a_bolus_loses_what_its_doses_come_late() -> None:
    found = with_bolus(paused_s=80.0).evaluate()
    assert value(found, "interaction") == pytest.approx(0.05 * 80.0 / 360.0, abs=0.001)


@pytest.mark.parametrize(("given", "error"), [(0.5, 0.0), (1.0, 100.0)])
def test_a_temporary_rate_that_is_not_followed_is_twice_too_much(given: float, error: float) -> None:
    made = MadeDay(", overlay: [{at: 1 h, temporary: 50 %, lasting: 1 h}]", "[{at: 0 h, rate: 1 U/h}]", 3.0)
    made.rate(0.0, HOUR_S, 1.0)
    made.rate(HOUR_S, 2 * HOUR_S, given)
    made.rate(2 * HOUR_S, 3 * HOUR_S, 1.0)
    made.say(HOUR_S, "temporary basal commanded", percent=50.0, duration_s=HOUR_S)
    found = made.evaluate()
    assert value(found, "temporary_error") == pytest.approx(error, abs=3.0)
    if error:
        assert "was not followed: 1 U came, as the usual rate would give (1 U)" in found.findings[0]
    else:
        assert found.findings == []


def test_a_day_that_was_cut_short_is_doubted_and_still_told() -> None:
    made = day()
    made.driven_hours = 2.0
    found = made.evaluate(doses=[dose for dose in made.doses if dose[0] < 2 * HOUR_S])
    assert found.doubts == [
        "The profile was followed for 2 h of the 4 h that the test wants: what holds for the part is not shown for the"
        " whole."
    ]
    assert value(found, "mean_error") == pytest.approx(0.0, abs=1.0)


def test_a_pump_of_which_no_increment_is_told_is_weighed_at_the_instants_themselves() -> None:
    made = day(size=(1.0, 1.0, 0.5))
    made.pump = "{insulin: U-100, delivery: continuous}"
    # What flows evenly: a hundredth of a dose a hundred times as often.
    fine = [(at_s + i, 0.01 * volume_ul) for at_s, volume_ul in made.doses for i in range(-50, 50)]
    found = made.evaluate(doses=fine)
    assert value(found, "largest_segment_error") == pytest.approx(50.0, abs=8.0)
    assert "lost_at_changes" not in {each.name for each in found.measurements}
    assert any("Single doses cannot be told" in note for note in found.notes)
