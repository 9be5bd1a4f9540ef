"""What a plan may say of a day on a pump, and what is refused with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.plan.model import PlanError
from bench.procedures.base import Context
from bench.procedures.profile.procedure import PROCEDURE, ProfileSettings
from bench.procedures.shared.day import acts, profile_of, programmed_ul
from bench.quantities import Concentration
from drivers.roles import DeliversBolus, DeliversExtendedBolus, DeliversProfile, DeliversTemporaryBasal, Suspends
from tests.procedures.made_contexts import PUMP, context

U100 = Concentration(100.0)
SEGMENTS = '[{at: "00:00", rate: 0.6 U/h}, {at: "06:00", rate: 1.2 U/h}, {at: 22 h, rate: 0.8 U/h}]'


def of(more: str = "", segments: str = SEGMENTS, pump: str = PUMP) -> Context:
    test = f"{{id: T-1, procedure: profile, segments: {segments}{more}, accept: {{mean_error: ±5 %}}}}"
    return context(f"  - {test}\n", pump)


def settings(found: Context) -> ProfileSettings:
    made = found.plan.tests[0].settings
    assert isinstance(made, ProfileSettings)
    return made


def test_a_day_as_a_plan_writes_it() -> None:
    overlay = (
        ', overlay: [{at: "07:00", bolus: 4 U}, {at: "12:30", bolus: 2 U, extended: 2 U, lasting: 2 h},'
        ' {at: "16:00", temporary: 50 %, lasting: 1 h}, {at: 18 h, temporary: 0.3 U/h, lasting: 30 min},'
        ' {at: "22:00", suspend: 30 min}]'
    )
    made = settings(of(overlay))
    assert [str(each) for each in made.overlay] == [
        "bolus 4 U at 07:00",
        "bolus 2 U + 2 U over 2 h at 12:30",
        "temporary 50 % for 1 h at 16:00",
        "temporary 0.3 U/h for 30 min at 18:00",
        "suspend for 30 min at 22:00",
    ]
    assert made.model_dump(mode="json")["overlay"] == [str(each) for each in made.overlay]
    assert made.model_dump(mode="json")["segments"][1] == "1.2 U/h from 06:00"
    assert [(act.at_s / 3600.0, act.what) for act in acts(made.overlay)][-2:] == [(22.0, "suspend"), (22.5, "resume")]
    assert PROCEDURE.requires(made)["pump"] == [
        DeliversProfile,
        DeliversBolus,
        DeliversExtendedBolus,
        DeliversTemporaryBasal,
        Suspends,
    ]
    assert PROCEDURE.requires(settings(of()))["pump"] == [DeliversProfile]
    assert PROCEDURE.expected_duration_s(made, of().plan) == 25 * 3600.0 + 60.0


def test_a_profile_that_begins_in_the_middle_of_its_day_goes_on_where_it_was() -> None:
    segments = settings(of()).segments
    assert profile_of(segments, U100) == [(0.0, 6.0), (6 * 3600.0, 12.0), (22 * 3600.0, 8.0)]
    hours = [(start_s / 3600.0, rate) for start_s, rate in profile_of(segments, U100, 31 * 3600.0)]
    assert hours == [(0.0, 12.0), (15.0, 8.0), (17.0, 6.0), (23.0, 12.0)]
    assert programmed_ul(segments, U100, 5 * 3600.0, 31 * 3600.0) == pytest.approx(
        6.0 + 16 * 12.0 + 2 * 8.0 + 6 * 6.0 + 12.0
    )


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (', overlay: [{at: "07:00", bolus: 4 U, temporary: 50 %, lasting: 1 h}]', "needs one of .*an entry of its own"),
        (', overlay: [{at: "07:00"}]', "needs one of"),
        (', overlay: [{at: "07:00", extended: 4 U}]', "`extended` needs `lasting`"),
        (', overlay: [{at: "07:00", bolus: 4 U, lasting: 1 h}]', "`lasting` belongs to"),
        (', overlay: [{at: "07:00", temporary: 300 %, lasting: 1 h}]', "from 0 % to 250 %"),
        (', overlay: [{at: "07:00", temporary: half, lasting: 1 h}]', "'50 %', or a rate"),
        (', overlay: [{at: "07:00", bolus: 0 U}]', "more than nothing"),
        (', overlay: [{at: "07:00", suspend: 10 s}]', "2 min or more"),
        (
            ', overlay: [{at: "07:00", bolus: 4 U}, {at: "06:00", bolus: 4 U}]',
            "in the order of time: bolus 4 U at 06:00",
        ),
        (', overlay: [{at: "07:00", bolus: 4 U}, {at: "07:01", bolus: 4 U}]', "two boluses at once"),
        (', overlay: [{at: "07:00", suspend: 1 h}, {at: "07:30", bolus: 4 U}]', "a bolus while delivery is suspended"),
        (', overlay: [{at: "07:00", extended: 4 U, lasting: 2 h}, {at: "08:00", suspend: 1 h}]', "cut by it"),
        (
            ', overlay: [{at: "07:00", temporary: 50 %, lasting: 2 h}, {at: "08:00", temporary: 0 %, lasting: 1 h}]',
            "two",
        ),
        (
            ', overlay: [{at: "07:00", suspend: 2 h}, {at: "08:00", temporary: 0 %, lasting: 1 h}]',
            "temporary rate while",
        ),
        (', overlay: [{at: "23:30", extended: 2 U, lasting: 1 h}]', "before the stop at day 2 00:00"),
        (", duration: 5 min", "10 min or more"),
        (", blank: -5 min", "cannot be negative"),
        (', overlay: [{at: "25:00", bolus: 4 U}]', "a later instant is a duration"),
        (", overlay: [{at: noon, bolus: 4 U}]", "'06:00', or '30 h'"),
        (', overlay: [{at: "07:00", bolus: 4.01 U}]', "no whole number of the `bolus_increment`"),
    ],
)
def test_what_contradicts_itself_is_refused(more: str, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        of(more)


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        ('[{at: "01:00", rate: 1 U/h}]', "first of `segments` must begin at 00:00"),
        ("[{at: 0 h, rate: 1 U/h}, {at: 2 h, rate: 1 U/h}, {at: 1 h, rate: 2 U/h}]", "segment 3 .* not come after"),
        ("[{at: 0 h, rate: 0 U/h}]", "every rate of `segments` is 0"),
        ("[{at: 0 h, rate: -1 U/h}]", "cannot be negative"),
        ("[{at: 0 h, rate: 1 U/h}, {at: 24 h, rate: 1 U/h}]", "before 24:00"),
        ("[]", "1 to 48"),
        (
            "[{at: 0 h, rate: 1 U/h}, {at: 6 h, rate: 0.01 U/h}, {at: 8 h, rate: 1 U/h}]",
            "less than one `basal_increment`",
        ),
    ],
)
def test_what_makes_no_profile_is_refused(segments: str, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        of("", segments)


def test_a_clock_time_that_yaml_would_read_to_base_60_is_to_be_quoted() -> None:
    with pytest.raises(PlanError, match="quote it"):
        of("", "[{at: 00:00, rate: 1 U/h}]")


def test_what_the_rig_can_tell_is_foretold() -> None:
    overlay = ', overlay: [{at: "07:00", bolus: 4 U}, {at: "16:00", temporary: 50 %, lasting: 1 h}]'
    found = of(overlay)
    foretold = PROCEDURE.planned_uncertainty(settings(found), found)
    assert foretold["bolus_error"][0] < foretold["mean_error"][0] < foretold["temporary_error"][0] < 15.0
    assert "basal of 0.15 U taken out" in foretold["bolus_error"][1]
    assert "of 27.8 U" in foretold["mean_error"][1]
    assert foretold["segments_within_15_percent"][0] == 0.0
    tiny = of(", duration: 3 h", "[{at: 0 h, rate: 0.05 U/h}, {at: 2 h, rate: 0.05 U/h}]")
    assert PROCEDURE.planned_uncertainty(settings(tiny), tiny)["segments_within_15_percent"][0] == 100.0


def test_the_plan_of_the_documentation_is_one() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "days.md").read_text(encoding="utf-8")
    tests = page.partition("```yaml\ntests:\n")[2].partition("```")[0]
    assert [test.procedure for test in context(tests).plan.tests] == ["profile", "wear"]
