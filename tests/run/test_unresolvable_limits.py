"""A limit that the rig cannot resolve is refused with its arithmetic; the same limit on a finer balance is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.plan.load import load_plan
from bench.procedures import registry
from bench.procedures.base import Context
from bench.rig.load import load_rig
from bench.run.judging import UnresolvableError, check_resolvable

ROOT = Path(__file__).resolve().parents[2]
HEAD = """
plan: TP
title: One pulse at a time
pump: {insulin: U-100, basal_increment: 0.05 U}
decision: DECISION
tests:
  - {id: PULSES, TEST}
"""
BOLUSES = "procedure: bolus, volume: 0.05 U, count: 25"
ONE_PULSE = "procedure: bolus, volume: 0.05 U, count: 1"
DAY = "procedure: basal, rate: 1 U/h, duration: 24 h"
TWO_PULSES = "procedure: basal, rate: 1 U/h, duration: 6 min"


def check(test: str, readability_mg: float, decision: str = "guarded", finer: float = 1.0) -> None:
    """Check a test on the simulated rig with another balance, all of whose figures are smaller by `finer`."""
    fine = "    readability: 0.01 mg\n    repeatability: 0.02 mg\n    linearity: 0.02 mg"
    rig = (ROOT / "fixtures" / "simulated.yaml").read_text(encoding="utf-8")
    assert rig.count(fine) == 1
    names = ("readability", "repeatability", "linearity")
    figures = [f"{name}: {finer * readability_mg:g} mg" for name in names]
    for drift_or_calibration in ("drift: 0.03 mg/h", "expanded_uncertainty: 0.03 mg"):
        assert rig.count(drift_or_calibration) == 1
        rig = rig.replace(drift_or_calibration, drift_or_calibration.replace("0.03", f"{0.03 * finer:g}"))
    rig = rig.replace(fine, "".join(f"    {figure}\n" for figure in figures).rstrip("\n"))
    text = HEAD.replace("DECISION", decision).replace("TEST", test)
    plan = load_plan(text, registry(), name="plan.yaml")
    (made,) = plan.tests
    check_resolvable(made, registry()[made.procedure], Context(plan, load_rig(rig, name="rig.yaml")))


def refusal(test: str, readability_mg: float, decision: str = "guarded") -> str:
    with pytest.raises(UnresolvableError) as refused:
        check(test, readability_mg, decision)
    return str(refused.value)


@pytest.mark.parametrize(
    ("test", "words"),
    [
        (
            f"{BOLUSES}, accept: {{mean_error: ±5 %}}",
            "25 boluses of 0.499 mg.*repeatability.*the limit ±5 % is narrower",
        ),
        (
            f"{BOLUSES}, accept: {{largest_positive_deviation: 5 % to 10 %}}",
            "0.499 mg.*the limit 5 % to 10 % is narrower",
        ),
        (f"{BOLUSES}, accept: {{within_15_percent: '>= 95 %'}}", "no less than the band of ±15 % itself"),
        (f"{BOLUSES}, accept: {{bolus_sd: <= 10 %}}", "which alone scatters by"),
        (f"{ONE_PULSE}, accept: {{delivery_time: <= 1 s}}", "lag of the balance"),
        (f"{ONE_PULSE}, accept: {{tail_fraction: <= 5 %}}", "its lag leaves open"),
        (f"{DAY}, accept: {{pulse_volume_sd: <= 5 %}}", "480 pulses; weighing alone scatters by"),
        (f"{DAY}, accept: {{largest_hourly_error: <= 3 %}}", "1 h at 10 µL/h = 9.97"),
        (f"{DAY}, accept: {{trumpet_error_15min: <= 12 %}}", "0.25 h at 10 µL/h.*largest of 96 windows by noise"),
        (f"{DAY.replace('1 U/h', '0.1 U/h')}, accept: {{hourly_windows_within_15_percent: '>= 90 %'}}", "no less than"),
        (
            f"{TWO_PULSES}, accept: {{mean_pulse_volume: 0.0475 U to 0.0525 U}}",
            "a pulse of 0.05 U = 0.499 mg.*2 pulses",
        ),
        (f"{TWO_PULSES}, accept: {{mean_pulse_interval: 179.5 s to 180.5 s}}", "onsets to 0.3 s, over 1 intervals"),
        (f"{DAY.replace('1 U/h', '20 U/h')}, accept: {{missed_pulses: <= 0}}", "are mistaken by noise"),
    ],
)
def test_a_coarse_balance_is_told_what_it_cannot_do(test: str, words: str) -> None:
    said = refusal(test, 0.1)
    assert re.search(f"(?s)PULSES: rig simulated cannot resolve.*{words}.*what would do: U of at most", said), said


def test_one_pulse_on_a_coarse_balance_is_refused_with_the_arithmetic_and_what_would_do() -> None:
    said = refusal(f"{ONE_PULSE}, accept: {{mean_error: ±5 %}}", 0.1)
    assert "one bolus of 0.499 mg; standard uncertainties: repeatability 0.14 mg" in said
    assert "by a balance of 0.001 mg, its other figures finer alike; or the mean of more: `count: 150`" in said


@pytest.mark.parametrize("decision", ["simple", "guarded", "{r: 2}", "{risk: 1 %}", "{risk: 2 %, kind: global}"])
@pytest.mark.parametrize(
    ("test", "key"),
    [
        (f"{ONE_PULSE}, accept: {{mean_error: ±5 %}}", "count"),
        (f"{TWO_PULSES}, accept: {{mean_pulse_volume: 0.0475 U to 0.0525 U}}", "duration"),
        (f"{TWO_PULSES}, accept: {{mean_error: ±5 %}}", "duration"),
        ("procedure: basal, rate: 0.1 U/h, duration: 24 h, accept: {mean_error: ±2.2 %}", "blank"),
    ],
)
def test_what_is_advised_is_let_through_and_less_is_not(test: str, key: str, decision: str) -> None:
    said = refusal(test, 0.1 if key != "blank" else 0.01, decision)
    advised = re.search(rf"`{key}: ([0-9.]+)([^`]*)`", said)
    finer = re.search(r"by a balance of ([0-9.]+) mg", said)
    assert advised, said
    assert finer, said
    coarse, amount, unit = 0.1 if key != "blank" else 0.01, float(advised[1]), advised[2]
    check(test, coarse, decision, float(finer[1]) / coarse)

    def changed(value: float) -> str:
        bare = re.sub(rf"{key}: [^,]+, ", "", test)
        return bare.replace("accept:", f"{key}: {value:g}{unit}, accept:")

    check(changed(amount), coarse, decision)
    assert "cannot resolve" in refusal(changed(0.4 * amount if unit else int(0.4 * amount)), coarse, decision)


def test_wider_windows_are_advised_where_they_do() -> None:
    said = refusal(f"{DAY}, accept: {{trumpet_error_15min: <= 12 %}}", 0.1)
    advised = re.findall(r"`(trumpet_error_[0-9]+min)` instead", said)
    assert advised
    for name in advised:
        check(f"{DAY}, accept: {{{name}: <= 12 %}}", 0.1)


@pytest.mark.parametrize(
    ("limit", "instead"),
    [
        ("pulses_within_15_percent: '>= 80 %'", "means_of_10_pulses_within_15_percent"),
        ("mard_15min: <= 7 %", "mard_60min"),
        ("pk_cv_5min: <= 5 %", "pk_cv_20min"),
    ],
)
def test_a_measurement_of_the_same_kind_that_this_rig_resolves_is_advised(limit: str, instead: str) -> None:
    said = refusal(f"{DAY}, accept: {{{limit}}}", 0.1)
    assert f"`{instead}` instead" in said
    check(f"{DAY}, accept: {{{instead}:{limit.partition(':')[2]}}}", 0.1)


@pytest.mark.parametrize("name", ["mean_error", "largest_positive_deviation", "reported_difference"])
def test_a_one_sided_limit_that_no_perfect_pump_could_be_shown_to_keep_is_refused(name: str) -> None:
    """A perfect pump has an error of 0 %: `<= 5 %` leaves 5 % of room, as `±5 %` does, and `>= -5 %` as much."""
    for limit in ("'<= 5 %'", "'>= -5 %'"):
        said = refusal(f"{ONE_PULSE}, accept: {{{name}: {limit}}}", 0.1)
        assert "U of at most 5 %" in said
        assert re.search("a limit of at (least|most) −?6[0-9] %", said), said
        check(f"{ONE_PULSE}, accept: {{{name}: {limit}}}", 0.01, finer=0.2)
    check(f"{ONE_PULSE}, accept: {{{name}: '<= 90 %'}}", 0.1)
    # A limit that shuts out the perfect pump asks for something else, for which no room is known.
    check(f"{ONE_PULSE}, accept: {{{name}: '>= 20 %'}}", 0.1)


def test_where_no_single_change_does_two_are_tried() -> None:
    said = refusal("procedure: basal, rate: 0.05 U/h, duration: 1 h, accept: {mean_error: ±0.08 %}", 0.1)
    assert re.search("a balance of [0-9.]+ mg, its other figures finer alike together with `(duration|blank): ", said)


@pytest.mark.parametrize(
    "accept", ["mean_error: ±5 %", 'within_15_percent: ">= 80 %"', "bolus_sd: <= 10 %", "delivery_time: 1 s to 10 s"]
)
def test_a_fine_balance_is_let_through(accept: str) -> None:
    check(f"{BOLUSES}, accept: {{{accept}}}", 0.001)
