"""A pump at rest: what comes is told from what evaporates only by what is declared; steps are told anyhow."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from bench.metrology.noise import white_noise
from bench.procedures.base import Context
from bench.procedures.idle.procedure import PROCEDURE, IdleSettings
from bench.procedures.idle.steps import find_steps
from bench.results.model import Evaluation, Measurement
from bench.rig.load import load_rig
from drivers.roles import Balance, DeliversBasal, Suspends
from tests.procedures.made_contexts import ROOT, UL_PER_MG, context
from tests.procedures.made_recordings import Made, pulses_mg
from tests.procedures.staged import Staged

Floats = NDArray[np.float64]
HOUR_S = 3600.0
BEGIN_S, WATCH_S = 120.0, 2.0 * HOUR_S
LOSS_MG_PER_H = 0.05
TEST = "  - {id: T-1, procedure: idle, duration: 2 h, settle: 2 min, accept: {unintended_rate: ±0.05 U/h}}\n"


def settings(of: Context) -> IdleSettings:
    found = of.plan.tests[0].settings
    assert isinstance(found, IdleSettings)
    return found


def undeclared() -> Context:
    """Return the same rig without a declared evaporation."""
    of = context(TEST)
    text = (ROOT / "fixtures" / "simulated.yaml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("evaporation:")]
    return Context(of.plan, load_rig("\n".join(lines), name="rig.yaml"))


def evaluated(
    rate_u_per_h: float,
    pulses_u: Sequence[tuple[float, float]] = (),
    seed: int | None = 1,
    of: Context | None = None,
    change: Callable[[Made], None] | None = None,
) -> Evaluation:
    """Evaluate two hours with a leak and pulses (instants of the record, U)."""
    made = Made(BEGIN_S + WATCH_S + 5.0)
    made.climate()
    made.events = [
        (1.0, "idle began", {"state": "stopped", "told": "stopped"}),
        (BEGIN_S, "idle watched", {"settled_s": 119.0}),
        (BEGIN_S + WATCH_S, "idle ended", {"told": "stopped"}),
    ]
    per_s = (10.0 * rate_u_per_h / UL_PER_MG - LOSS_MG_PER_H) / HOUR_S
    given = [(at_s, 10.0 * volume / UL_PER_MG) for at_s, volume in pulses_u]
    made.balance(lambda time_s: per_s * time_s + pulses_mg(time_s, given), seed)
    if change is not None:
        change(made)
    of = of or context(TEST)
    return PROCEDURE.evaluate(settings(of), made.in_memory(), of)


def measured(found: Evaluation, name: str) -> Measurement:
    return next(one for one in found.measurements if one.name == name)


def value(found: Evaluation, name: str) -> float:
    known = measured(found, name).value
    assert known is not None
    return known


@pytest.mark.parametrize("rate", [0.0, 0.1, -0.1])
def test_a_steady_flow_is_the_mean_rate_less_the_declared_loss(rate: float) -> None:
    found = evaluated(rate, seed=None)
    assert value(found, "unintended_rate") == pytest.approx(rate, abs=1e-4)
    # From the middle of the first level to that of the last: two hours less five minutes.
    assert value(found, "unintended_volume") == pytest.approx(rate * (2.0 - 1.0 / 12.0), abs=1e-4)
    assert value(found, "unintended_pulses") == 0.0
    assert found.doubts == []


def test_the_upper_limit_holds_the_truth_and_is_a_bound() -> None:
    """At the limit of detection the truth is below the upper limit, and nothing is above the critical value."""
    over = 0
    for seed in range(20):
        found = evaluated(0.02, seed=seed)
        limit = measured(found, "unintended_rate_limit")
        assert (limit.censored, limit.expanded_uncertainty) == ("below", 0.0)
        assert limit.value is not None
        over += limit.value < 0.02
    assert over <= 1


def test_the_detection_limit_is_twice_the_one_sided_reach_of_a_rate_of_nothing() -> None:
    found = evaluated(0.0)
    rate, limit = value(found, "unintended_rate"), value(found, "unintended_rate_limit")
    assert value(found, "detection_limit") == pytest.approx(2.0 * (limit - rate), rel=0.02)
    # 0.058 mg/h rectangular is all but everything: its one-sided 95 % is 0.9 of it, 0.0052 U/h.
    assert 0.0104 < value(found, "detection_limit") < 0.025


def test_pulses_are_counted_whatever_evaporates() -> None:
    pulses = [(1000.0, 0.05), (2500.0, 0.05), (4000.0, 0.05)]
    found = evaluated(0.0, pulses, of=undeclared())
    assert value(found, "unintended_pulses") == 3.0
    steps = next(table for table in found.tables if table.name == "steps")
    assert [float(row[2]) for row in steps.rows] == pytest.approx([0.05] * 3, abs=0.005)
    assert any("rose at once, 3 times (0.1" in finding for finding in found.findings)


def test_without_a_declared_evaporation_no_rate_is_told() -> None:
    found = evaluated(0.1, of=undeclared())
    for name in ("unintended_rate", "unintended_volume", "unintended_rate_limit", "detection_limit"):
        assert measured(found, name).value is None
        assert "declares no `evaporation:`" in measured(found, name).note
    assert any("The mass changed by +0.09" in note for note in found.notes)
    planned = PROCEDURE.planned_uncertainty(settings(undeclared()), undeclared())
    assert math.isinf(planned["unintended_rate"][0])


def test_no_blank_tells_the_evaporation() -> None:
    """The line is connected in a blank, too: a loss taken from there would hide the leak."""

    def with_blank(made: Made) -> None:
        made.events += [
            (0.5, "basal commanded", {"rate_ul_per_h": 1.0, "sent_s": 0.4, "acknowledged_s": 0.5}),
            (1.0, "basal stopped", {"sent_s": 0.9, "acknowledged_s": 1.0}),
            (200.0, "blank started", {}),
            (7000.0, "blank ended", {}),
        ]

    found = evaluated(0.1, change=with_blank)
    assert value(found, "unintended_rate") == pytest.approx(0.1, abs=0.01)
    assert "rig file" in next(one.source for one in measured(found, "unintended_rate").budget if "evapor" in one.name)


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (0.1, "From the stopped pump came 0.18 U in 1.92 h (0.096 U/h): steadily: a leak"),
        (-0.1, "liquid went back into the line, or more evaporates"),
        (0.0, "No flow from the stopped pump that this rig could tell from nothing"),
    ],
)
def test_what_came_is_a_finding_and_nothing_a_note(rate: float, words: str) -> None:
    found = evaluated(rate)
    assert words in [*found.findings, *found.notes][0]
    assert bool(found.findings) is bool(rate)


def test_what_the_pump_counted_is_told() -> None:
    def counting(made: Made) -> None:
        time_s = np.arange(10.0, made.duration_s, 60.0)
        made.channels["pump.delivered_ul"] = (time_s, np.where(time_s > HOUR_S, 0.5, 0.0))

    found = evaluated(0.0, change=counting)
    assert "The pump itself counted 0.05 U while it was stopped." in found.findings


def test_a_pump_that_says_it_delivers_was_not_at_rest() -> None:
    def basal(made: Made) -> None:
        made.events[0][2]["told"] = "basal"

    assert any("says 'basal'" in doubt for doubt in evaluated(0.0, change=basal).doubts)


def test_a_watch_that_ended_early_is_a_doubt() -> None:
    def early(made: Made) -> None:
        made.events[2] = (BEGIN_S + 0.5 * WATCH_S, "idle ended", {"told": "alarm"})
        made.events.append((BEGIN_S + 0.5 * WATCH_S, "idle ended early", {"during": "watch", "code": "AUTOOFF"}))

    doubts = " ".join(evaluated(0.0, change=early).doubts)
    assert "The alarm AUTOOFF ended the watch early." in doubts
    assert "watched for 60.0 min of the 2 h" in doubts


def test_steps_of_noise_alone_are_none_and_two_in_a_minute_are_one() -> None:
    rng = np.random.default_rng(4)
    time_s = np.arange(0.0, 6.0 * HOUR_S, 0.5)
    noise = white_noise(0.02**2 * 0.5)
    quiet = rng.normal(0.0, 0.02, time_s.size) - 3e-5 * time_s
    assert find_steps(time_s, quiet, (0.0, 6.0 * HOUR_S), noise, None).found == []
    stepped = quiet + 0.5 * (time_s > 5000.0) + 0.5 * (time_s > 5020.0) - 0.5 * (time_s > 9000.0)
    found = find_steps(time_s, stepped, (0.0, 6.0 * HOUR_S), noise, 0.5)
    assert len(found.upwards) == 1
    assert [one.mass_mg for one in found.downwards] == pytest.approx([-0.5], abs=0.03)
    assert found.downwards[0].time_s == pytest.approx(9000.0, abs=10.0)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"duration": "1 min"}, "`duration` must be 5 min or more"),
        ({"duration": "1 h", "rate": "1 U/h"}, "`rate` needs `run_in`"),
        ({"duration": "1 h", "run_in": "1 h"}, "`run_in` needs `rate`"),
        ({"duration": "1 h", "state": "suspended"}, "needs a delivery to suspend"),
        ({"duration": "1 h", "rate": "0 U/h", "run_in": "1 h"}, "`rate` must be more than nothing"),
        ({"duration": "1 h", "settle": "-1 s"}, "`settle` cannot be negative"),
    ],
)
def test_settings_that_make_no_sense_are_refused(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        IdleSettings.model_validate(keys)


def test_what_a_test_needs_of_its_pump() -> None:
    stopped = IdleSettings.model_validate({"duration": "1 h"})
    suspended = IdleSettings.model_validate({"duration": "1 h", "state": "suspended", "rate": "1 U/h", "run_in": "1 h"})
    assert PROCEDURE.requires(stopped) == {"pump": [], "balance": [Balance]}
    assert PROCEDURE.requires(suspended)["pump"] == [DeliversBasal, Suspends]
    plan = context(TEST).plan
    assert PROCEDURE.expected_duration_s(suspended, plan) == HOUR_S + 600.0 + HOUR_S


def test_the_drive_stops_waits_and_watches() -> None:
    of = context(TEST.replace("settle: 2 min", "settle: 2 min, rate: 1 U/h, run_in: 30 min"))
    staged = Staged(of)
    PROCEDURE.drive(settings(of), staged)
    assert staged.pump.log == ["basal 10", "stop"]
    assert staged.kinds() == ["basal commanded", "basal stopped", "idle began", "idle watched", "idle ended"]
    assert staged.clock.now_s() == pytest.approx(PROCEDURE.expected_duration_s(settings(of), of.plan))


def test_an_alarm_ends_the_run_in_and_the_watch() -> None:
    of = context(TEST.replace("settle: 2 min", "settle: 2 min, rate: 1 U/h, run_in: 30 min"))
    for at_s, during in ((600.0, "run-in"), (4000.0, "watch")):
        staged = Staged(of, alarms=[(at_s, "MOTOR")])
        PROCEDURE.drive(settings(of), staged)
        assert staged.data("idle ended early") == [{"during": during, "code": "MOTOR", "text": "told so"}]
        assert staged.clock.now_s() == pytest.approx(at_s, abs=3.0)
        assert "stop" in staged.pump.log


def test_a_longer_watch_is_foretold_to_resolve_a_smaller_rate() -> None:
    of = context(TEST)
    short, long = (
        PROCEDURE.planned_uncertainty(IdleSettings.model_validate({"duration": hours}), of) for hours in ("1 h", "8 h")
    )
    assert long["unintended_rate"][0] < short["unintended_rate"][0]
    assert long["unintended_volume"][0] > short["unintended_volume"][0]
    found = evaluated(0.0)
    planned = PROCEDURE.planned_uncertainty(settings(of), of)
    for name in ("detection_limit", "unintended_rate"):
        stated = value(found, name) if name == "detection_limit" else measured(found, name).expanded_uncertainty
        assert stated is not None
        assert 0.5 < planned[name][0] / stated < 2.0
