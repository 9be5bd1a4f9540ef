"""A run as the bench might have found it, made from formulas: ten tests, every kind of figure, hostile texts."""

from __future__ import annotations

import math
import random
from typing import Any

from bench.results.model import (
    Component,
    Evaluation,
    Figure,
    Judged,
    Mark,
    Measurement,
    Rule,
    RunResult,
    Series,
    Table,
    TestResult,
    Verdict,
)

HOSTILE = "<img src=x onerror=alert(1)>"
POINTS = 2000
_TITLES = {
    "mean_error": "Mean error",
    "hourly_windows_within_15_percent": "Hourly windows within ±15 %",
    "delivered_12h": "Delivered 12 h after the first command",
    "largest_deviation": "Largest deviation of a single bolus",
    "time_to_alarm": "Time from occlusion to alarm",
    "pressure_at_alarm": "Pressure at the alarm",
}


def _component(name: str, u: float, unit: str, source: str, kind: Any = "normal", nu: float | None = None) -> Component:
    return Component(
        name=name,
        standard_uncertainty=u,
        unit=unit,
        distribution=kind,
        degrees_of_freedom=nu,
        contribution=u,
        source=source,
    )


def budget(scale: float, unit: str) -> list[Component]:
    return [
        _component("repeatability", 0.30 * scale, unit, "blank of this run", nu=59.0),
        _component("calibration", 0.25 * scale, unit, "CAL-2026-118", nu=None),
        _component("evaporation", 0.22 * scale, unit, "declared 0.05 mg/h ± 0.02 mg/h", "rectangular"),
        _component("water density", 0.02 * scale, unit, "20.4 °C ± 0.5 °C", "rectangular"),
        _component("air buoyancy", 0.01 * scale, unit, "climate sensor", "rectangular"),
        _component("readability", 0.003 * scale, unit, "0.01 mg", "rectangular"),
    ]


def measurement(name: str, value: float | None, unit: str, spread: float | None, **more: Any) -> Measurement:
    title = _TITLES.get(name, name.replace("_", " ").capitalize())
    standard = spread / more.get("coverage_factor", 2.0) if spread else None
    parts = budget(standard / math.hypot(*(each.contribution for each in budget(1.0, unit))), unit) if standard else []
    return Measurement(
        name=name,
        title=title,
        value=value,
        unit=unit,
        expanded_uncertainty=spread,
        standard_uncertainty=standard,
        budget=parts,
        **more,
    )


def mass_figure(rng: random.Random, hours: float = 24.0) -> Figure:
    xs = [hours * n / (POINTS - 1) for n in range(POINTS)]
    ys: list[float | None] = [0.5 * math.floor(20 * x) + 0.02 * rng.gauss(0, 1) for x in xs]
    ys[700:720] = [None] * 20
    pulse_x = [0.05 * n for n in range(1, int(hours * 20), 4)]
    return Figure(
        name="mass",
        title="Mass in the vessel, with the pulses found",
        x_label="time / h",
        y_label="mass / mg",
        series=[
            Series(label="mass", x=list(xs), y=ys, role="mass"),
            Series(label="pulse", x=list(pulse_x), y=[0.5 * 20 * x for x in pulse_x], style="points", role="pulse"),
        ],
        marks=[
            Mark(x=0.0, label="basal commanded 1 U/h"),
            Mark(x=8.45, label="balance bump"),
            Mark(x=hours, label="basal stopped"),
        ],
        caption="864,000 samples reduced to 2,000 by least and greatest of each interval. Simulated.",
    )


def trumpet_figure() -> Figure:
    windows: list[float | None] = [2, 5, 11, 19, 31]
    return Figure(
        name="trumpet",
        title="Trumpet curve",
        x_label="observation window / min",
        y_label="flow error / %",
        series=[
            Series(
                label="quantisation envelope",
                x=windows,
                y=[-100, -40, -18.18, -5.26, -3.23],
                style="band-low",
                role="envelope",
            ),
            Series(
                label="quantisation envelope",
                x=windows,
                y=[50, 20, 9.09, 10.53, 6.45],
                style="band-high",
                role="envelope",
            ),
            Series(label="greatest", x=windows, y=[48, 22, 10.4, 8.1, 5.1], role="error"),
            Series(label="least", x=windows, y=[-98, -38, -15.5, -5.8, -2.2], role="pulse"),
        ],
        rules=[Rule(y=0.6, label="mean +0.6 %")],
        caption="Extremes of the mean flow over windows of each length. Simulated.",
    )


def histogram_figure(rng: random.Random, name: str, title: str, nominal: float) -> Figure:
    centres = [nominal * (0.7 + 0.03 * n) for n in range(21)]
    counts = [round(120 * math.exp(-0.5 * ((c / nominal - 1.01) / 0.08) ** 2) + rng.random()) for c in centres]
    return Figure(
        name=name,
        title=title,
        x_label="volume / µL",
        y_label="count",
        series=[Series(label="pulses", x=list(centres), y=[float(c) for c in counts], style="bars", role="pulse")],
        caption=f"Volumes of the pulses that were found; nominal {nominal} µL. Simulated.",
    )


def bolus_figure(rng: random.Random) -> Figure:
    xs: list[float | None] = [float(n) for n in range(1, 26)]
    return Figure(
        name="boluses",
        title="Volume of every bolus",
        x_label="bolus",
        y_label="volume / µL",
        series=[
            Series(label="measured", x=xs, y=[10 + 0.2 * rng.gauss(0, 1) for _ in xs], style="points", role="volume")
        ],
        rules=[Rule(y=10.5, label="+5 %"), Rule(y=10, label="nominal 10 µL"), Rule(y=9.5, label="−5 %")],
        caption="Each bolus as weighed. Simulated.",
    )


def strip_figure() -> Figure:
    """Many marks close together: boluses over four hours."""
    xs = [4.2 * n / (POINTS - 1) for n in range(POINTS)]
    return Figure(
        name="strip",
        title="Mass while boluses are given",
        x_label="time / h",
        y_label="mass / mg",
        series=[
            Series(label="mass", x=list(xs), y=[10.0 * min(25, int(x * 6)) for x in xs], style="step", role="mass")
        ],
        marks=[Mark(x=n / 6, label="bolus commanded") for n in range(1, 26)] + [Mark(x=2.01, label=f"alarm {HOSTILE}")],
        caption="Steps of the balance. Simulated.",
    )


def pressure_figure(rng: random.Random) -> Figure:
    xs = [180.0 * n / (POINTS - 1) for n in range(POINTS)]
    ys = [
        2 + 0.3 * rng.gauss(0, 1) + (0 if x < 20 else min(98.0, 0.9 * (x - 20)) if x < 140 else 98 * math.exp(140 - x))
        for x in xs
    ]
    return Figure(
        name="pressure",
        title="Pressure and events",
        x_label="time / min",
        y_label="pressure / kPa",
        series=[Series(label="pressure", x=list(xs), y=list(ys), role="pressure")],
        marks=[
            Mark(x=0, label="basal commanded 1 U/h"),
            Mark(x=20, label="occluder closed"),
            Mark(x=128.5, label="alarm OCCLUSION"),
            Mark(x=140, label="occluder opened"),
            Mark(x=141, label="settled"),
        ],
        rules=[Rule(y=150, label="limit of pressure 150 kPa, upper")],
        caption="Samples at 10 Hz, reduced by least and greatest. Simulated.",
    )


def judge(
    name: str, limit: str, unit: str, low: float | None, high: float | None, verdict: Verdict, why: str = ""
) -> Judged:
    return Judged(
        measurement=name,
        limit=limit,
        unit=unit,
        lower=low,
        upper=high,
        verdict=verdict,
        reason=why,
        rule="guarded, r = 0.83",
        guard_band=0.3486,
        probability_of_conformity=0.99987 if verdict is Verdict.PASS else 0.4321,
        test_uncertainty_ratio=None if low is None or high is None else 11.9,
    )


def basal_test(rng: random.Random, test_id: str, title: str, verdict: Verdict, error: float) -> TestResult:
    reason = {Verdict.PASS: "every limit is met", Verdict.FAIL: "mean_error +7.31 % ± 0.42 % lies outside ±5 %"}
    pulses = [
        [str(n), f"{0.05 * n:.2f}", f"{0.5 * (1 + 0.08 * rng.gauss(0, 1)):.3f}", "0.031", "expected"]
        for n in range(1, 25)
    ]
    return TestResult(
        id=test_id,
        title=title,
        procedure="basal",
        verifies=["REQ-017", "REQ-021"],
        settings={"rate": "1 U/h", "duration": "24 h", "warm_up": None, "windows": ["1 h", "6 h"]},
        started_s=12.0,
        ended_s=12.0 + 24 * 3600 + 34,
        verdict=verdict,
        reason=reason.get(verdict, "mean_error 4.90 % ± 0.42 % overlaps the limit +5 %"),
        judged=[
            judge(
                "mean_error", "±5 %", "%", -5, 5, verdict, "" if verdict is Verdict.PASS else "U reaches over the limit"
            ),
            judge("hourly_windows_within_15_percent", ">= 95 %", "%", 95, None, Verdict.PASS),
            judge("delivered_12h", "114 µL to 126 µL", "µL", 114, 126, Verdict.PASS),
        ],
        evaluation=Evaluation(
            measurements=[
                measurement("mean_error", error, "%", 0.42),
                measurement("hourly_windows_within_15_percent", 100.0, "%", None),
                measurement("delivered_1h", 9.87654, "µL", 0.11),
                measurement("delivered_6h", 60.1234, "µL", 0.271828),
                measurement("delivered_12h", 120.712, "µL", 0.41),
                measurement("missed_pulses", 0.0, "", 0.0),
                measurement(
                    "start_up_delay", None, "min", None, note="no pulse stood out of the noise in the first hour"
                ),
                measurement("pulse_volume", 0.5031, "µL", 0.0123, coverage_factor=2.13),
            ],
            figures=[mass_figure(rng), trumpet_figure(), histogram_figure(rng, "pulses", "Volumes of pulses", 0.5)],
            tables=[
                Table(
                    name="pulses",
                    title="First pulses",
                    columns=["n", "h", "µL", "u / µL", "kind"],
                    rows=pulses,
                    note="of 480",
                )
            ],
            notes=["The first pulse came 3.1 min after the command."],
        ),
    )


def bolus_test(rng: random.Random, test_id: str, title: str) -> TestResult:
    return TestResult(
        id=test_id,
        title=title,
        procedure="bolus",
        verifies=[],
        settings={"volume": "1 U", "count": 25},
        started_s=0.0,
        ended_s=15120.0,
        verdict=Verdict.INCONCLUSIVE,
        reason="the balance was disturbed while bolus 12 was weighed",
        judged=[
            judge("mean_error", "±5 %", "%", -5, 5, Verdict.PASS),
            judge("largest_deviation", "-0.5 U to +0.5 U", "µL", -5, 5, Verdict.INCONCLUSIVE, "bolus 12 is in doubt"),
        ],
        evaluation=Evaluation(
            measurements=[
                measurement("mean_error", -0.012, "%", 0.9),
                measurement("largest_deviation", 4.8, "µL", 0.6),
            ],
            figures=[strip_figure(), bolus_figure(rng), histogram_figure(rng, "bins", "Distribution of boluses", 10.0)],
            doubts=["A jump of 12.4 mg without a command at 1.97 h: the bench was bumped, or a drop fell."],
        ),
    )


def occlusion_test(rng: random.Random, test_id: str, verdict: Verdict) -> TestResult:
    sounded = verdict is Verdict.PASS
    return TestResult(
        id=test_id,
        title="Occlusion at 1 U/h to the alarm, with stored bolus",
        procedure="occlusion",
        verifies=["REQ-033"],
        settings={"rate": "1 U/h", "wait": "3 h"},
        started_s=40.0,
        ended_s=40.0 + 3 * 3600,
        verdict=verdict,
        reason="every limit is met" if sounded else "no alarm within 3 h",
        judged=[
            judge("time_to_alarm", "<= 3 h", "min", None, 180, verdict),
            judge(
                "pressure_at_alarm", "< 150 kPa", "kPa", None, 150, Verdict.PASS if sounded else Verdict.INCONCLUSIVE
            ),
        ],
        evaluation=Evaluation(
            measurements=[
                measurement(
                    "time_to_alarm", 108.5 if sounded else 180.0, "min", 0.08, censored=None if sounded else "above"
                ),
                measurement("pressure_at_alarm", 96.2 if sounded else None, "kPa", 1.4 if sounded else None),
                measurement("stored_bolus", 12.4, "µL", 0.31),
                measurement("false_alarms", 0.0, "", 0.0),
            ],
            figures=[pressure_figure(rng), mass_figure(rng, 3.0)],
            findings=[]
            if sounded
            else [f"No alarm came within 3 h, by -3 kPa {HOSTILE}. Is it off?", "Second finding."],
        ),
    )


def sample_run(*, simulated: bool = True) -> RunResult:
    rng = random.Random(7)
    long_title = "Basal delivery accuracy at the slowest rate that the label allows, after a change of reservoir, " * 2
    tests = [
        basal_test(rng, "BASAL-1U", "Basal 1 U/h over 24 h", Verdict.PASS, 0.62),
        basal_test(rng, "BASAL-0.1U", long_title, Verdict.FAIL, 7.31),
        basal_test(rng, "BASAL-2U", f"Hostile {HOSTILE} \"title\" & 'quotes' </section>", Verdict.INCONCLUSIVE, 4.9),
        bolus_test(rng, "BOLUS-1U", "25 boluses of 1 U"),
        bolus_test(rng, "BOLUS-10U", "12 boluses of 10 U"),
        occlusion_test(rng, "OCC-1U", Verdict.PASS),
        occlusion_test(rng, "OCC-0.1U", Verdict.FAIL),
        basal_test(rng, "BASAL-5U", "Basal 5 U/h", Verdict.PASS, -1.9),
        basal_test(rng, "BASAL-8U", "Basal 8 U/h", Verdict.PASS, 2.2),
        TestResult(
            id="OCC-BOLUS",
            title="A bolus into an occlusion",
            procedure="occlusion",
            verifies=["REQ-034"],
            settings={"bolus": "5 U"},
            started_s=0.0,
            ended_s=3.2,
            verdict=Verdict.ERROR,
            reason="balance: no answer to 'SIR' within 2 s; 0 bytes seen",
            judged=[],
            evaluation=None,
        ),
    ]
    return RunResult(
        simulated=simulated,
        seed=7,
        plan="TP-DELIVERY-U100",
        plan_title=f"Delivery of a U-100 pump {HOSTILE}",
        plan_file="test_plans/delivery.yaml",
        plan_sha256="5f" * 32,
        decision="guarded",
        rig="simulated",
        rig_file="fixtures/simulated.yaml",
        rig_sha256="a3" * 32,
        origin_utc="2026-11-22T14:03:07Z",
        ended_s=4 * 86400.0 + 7200,
        instruments={
            "pump": {
                "driver": "scpi_insulin_pump",
                "identity": "PUMPBENCH,TWIN,0001,1.0",
                "address": "TCPIP0::pump.twin::5025::SOCKET",
            },
            "balance": {
                "driver": "mettler_mt_sics",
                "identity": "XPR205 0123456789",
                "address": "sim://twin/balance",
                "readability": "0.01 mg",
                "calibration": "CAL-2026-118, due 2027-03-01",
            },
            "pressure": {"driver": "scpi_dmm", "identity": HOSTILE, "address": "TCPIP0::pressure.twin::5025::SOCKET"},
            "occluder": {"driver": "numato_relay", "address": "sim://twin/occluder"},
            "climate": {"driver": "vaisala_ptu300", "address": "sim://twin/climate"},
        },
        versions={"pumpbench": "0.1.0", "python": "3.11.2", "numpy": "2.3.1", "schema": "1.0"},
        complete=True,
        recording_digest="9c" * 32,
        tests=tests,
    )
