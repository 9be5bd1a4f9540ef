"""Which occlusion tests a plan can ask for, and how it is told what contradicts itself."""

from __future__ import annotations

import re

import pytest

from bench.plan.model import PlanError
from bench.procedures.occlusion.procedure import PROCEDURE, OcclusionSettings
from bench.procedures.occlusion.settings import Kind
from bench.run.judging import UnresolvableError, check_resolvable
from drivers.roles import Occluder, SetsOcclusionLevel
from tests.procedures.made_contexts import context


def settings(words: str, accept: str = "") -> OcclusionSettings:
    accept = accept or ("line_pressure: <= 9 kPa" if "duration" in words else "peak_pressure: <= 200 kPa")
    found = context(f"  - {{id: T-1, procedure: occlusion, {words}, accept: {{{accept}}}}}\n").plan.tests[0].settings
    assert isinstance(found, OcclusionSettings)
    return found


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("rate: 1 U/h, timeout: 3 h", Kind.ALARM),
        ("rate: 1 U/h, timeout: 3 h, repeats: 3", Kind.REPEATED),
        ("bolus: 5 U, timeout: 3 h, repeats: 2, level: high", Kind.REPEATED),
        ("rate: 1 U/h, timeout: 3 h, release_before_alarm_at: 60 kPa", Kind.RELEASED),
        ("rate: 1 U/h, timeout: 3 h, release_before_alarm_after: 20 min", Kind.RELEASED),
        ("rate: 30 U/h, occlude: false, duration: 8 h", Kind.FLOWING),
        ("rate: 3 U/h, partial_occlusion: needle valve, duration: 2 h", Kind.NARROWED),
        ("rate: 3 U/h, partial_occlusion: needle valve, occlude: false, duration: 2 h", Kind.NARROWED),
    ],
)
def test_what_is_done_with_the_line(words: str, kind: Kind) -> None:
    assert settings(words).kind is kind


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("rate: 1 U/h", "`timeout` is missing"),
        ("rate: 1 U/h, timeout: 3 h, repeats: 0", "greater than or equal to 1"),
        ("rate: 1 U/h, timeout: 3 h, level: lowest", "'low', 'medium' or 'high'"),
        ("rate: 1 U/h, timeout: 3 h, duration: 2 h", "`duration` goes with `occlude: false`"),
        ("rate: 1 U/h, occlude: false", "`duration` is missing: with `occlude: false`"),
        ("bolus: 1 U, occlude: false, duration: 1 h", "`bolus` cannot be given with `occlude: false`"),
        ("rate: 1 U/h, occlude: false, duration: 1 h, timeout: 1 h", "`timeout` has no meaning with `occlude: false`"),
        ("rate: 1 U/h, occlude: false, duration: 1 h, repeats: 2", "`repeats` has no meaning"),
        ("rate: 1 U/h, occlude: true, partial_occlusion: valve, duration: 1 h", "contradict each other"),
        ("rate: 1 U/h, partial_occlusion: valve, duration: 1 h, run_in: 1 h", "`run_in` has no meaning"),
        ("rate: 1 U/h, timeout: 3 h, repeats: 2, release_before_alarm_at: 60 kPa", "write one test for each"),
        (
            "rate: 1 U/h, timeout: 3 h, release_before_alarm_at: 60 kPa, release_before_alarm_after: 20 min",
            "only one of",
        ),
        ("rate: 1 U/h, timeout: 3 h, release_before_alarm_after: 4 h", "(4 h) is longer than `timeout` (3 h)"),
        ("rate: 1 U/h, timeout: 3 h, release_before_alarm_at: 0 kPa", "must be more than nothing"),
    ],
)
def test_what_contradicts_itself_is_refused(words: str, said: str) -> None:
    with pytest.raises(PlanError, match=re.escape(said)):
        settings(words)


@pytest.mark.parametrize(
    ("words", "accept", "said"),
    [
        ("rate: 1 U/h, timeout: 3 h", 'caught_up_fraction: ">= 90 %"', "it needs `release_before_alarm_at` or"),
        ("rate: 1 U/h, timeout: 3 h", "longest_time_to_alarm: <= 1 h", "it needs `repeats: 2` or more"),
        ("rate: 1 U/h, timeout: 3 h", "false_alarm_rate: <= 1 /h", "it needs `occlude: false`"),
        ("rate: 1 U/h, occlude: false, duration: 8 h", "stored_bolus: <= 1 U", "not measured where the line is never"),
    ],
)
def test_a_limit_on_what_is_not_measured_is_refused(words: str, accept: str, said: str) -> None:
    """It could never be met."""
    with pytest.raises(PlanError, match=re.escape(said)):
        settings(words, accept)


def test_only_what_is_needed_is_required() -> None:
    told = settings("rate: 1 U/h, timeout: 3 h, level: low")
    assert SetsOcclusionLevel in PROCEDURE.requires(told)["pump"]
    assert PROCEDURE.requires(told)["occluder"] == [Occluder]
    open_line = PROCEDURE.requires(settings("rate: 1 U/h, occlude: false, duration: 8 h"))
    assert "occluder" not in open_line
    assert SetsOcclusionLevel not in open_line["pump"]


@pytest.mark.parametrize(("limit", "refused"), [("<= 0.3 /h", True), ("<= 0.4 /h", False)])
def test_a_false_alarm_rate_that_the_duration_cannot_show_is_refused(limit: str, refused: bool) -> None:
    """Eight hours without an alarm leave 3.0/8 an hour."""
    test = f"""
  - {{id: T-1, procedure: occlusion, rate: 30 U/h, occlude: false, duration: 8 h,
     accept: {{false_alarm_rate: {limit}}}}}
"""
    made = context(test)
    if not refused:
        check_resolvable(made.plan.tests[0], PROCEDURE, made)
        return
    with pytest.raises(UnresolvableError, match=r"no false alarm in 8 h leaves a rate of 0\.37 /h possible.*12 h"):
        check_resolvable(made.plan.tests[0], PROCEDURE, made)
