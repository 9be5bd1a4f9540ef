"""Every simulated fault is seen by the test made for it, and by name of what was seen; a healthy pump passes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bench.results.model import Verdict
from tests.system.in_process import rig_text, run_plan, said, smoke_text

FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"fault": "dose_scale_error", "factor": 1.25}, "BASAL-1U", "mean_error"),
    ({"fault": "dose_scale_error", "factor": 0.75}, "BOLUS-1U", "mean_error"),
    ({"fault": "missed_pulses"}, "BASAL-1U", "missed"),
    ({"fault": "extra_pulses"}, "BASAL-1U", "mean_error|extra|doubled"),
    ({"fault": "slow_leak"}, "BASAL-1U", "mean_error"),
    ({"fault": "slow_leak"}, "OCCLUSION-3U", "alarm|stored|missed"),
    ({"fault": "no_alarm"}, "OCCLUSION-3U", "no .*alarm|time_to_alarm"),
    ({"fault": "late_alarm", "delay": "50 min"}, "OCCLUSION-3U", "time_to_alarm"),
    ({"fault": "false_alarm"}, "BASAL-1U", "OCCLUSION"),
    ({"fault": "false_alarm"}, "OCCLUSION-3U", "false_alarms|OCCLUSION"),
    ({"fault": "bubble"}, "BASAL-1U", "mean_error|missed"),
    ({"fault": "balance_bump"}, "BASAL-1U", "bump|jump|step|disturb"),
    ({"fault": "balance_drift"}, "BASAL-0.5U", "drift|evaporation|mean_error"),
    ({"fault": "balance_frozen"}, "BASAL-1U", "frozen|repeats|same value|unchanged"),
    ({"fault": "balance_scale_error", "error": "30 %"}, "BOLUS-1U", "mean_error"),
    ({"fault": "evaporation"}, "BASAL-0.5U", "evaporat|drift|loses"),
    ({"fault": "bolus_cut_short"}, "BOLUS-5U", "delivery_time|mean_error"),
    ({"fault": "reported_not_delivered"}, "BOLUS-1U", "mean_error|within_15|reported"),
    ({"fault": "startup_overdelivery"}, "BASAL-1U", "mean_error"),
    ({"fault": "weak_stiffness"}, "OCCLUSION-3U", "time_to_alarm"),
    ({"fault": "partial_occlusion"}, "OCCLUSION-6U", "alarm|OCCLUSION"),
    ({"fault": "empty_reservoir"}, "BASAL-1U", "mean_error|missed"),
    ({"fault": "occluder_leaks"}, "OCCLUSION-3U", "alarm|time_to_alarm"),
    ({"fault": "sensor_offset"}, "OCCLUSION-3U", "pressure"),
    ({"fault": "warm_room"}, "BASAL-1U", "temperature"),
    ({"fault": "thick_needle"}, "BOLUS-1U", "mean_error"),
    ({"fault": "silent_instrument", "instrument": "balance", "first": "20 min"}, "BASAL-1U", "balance"),
    ({"fault": "silent_instrument", "instrument": "pump", "first": "20 min"}, "BASAL-1U", "pump"),
    ({"fault": "garbled_line", "instrument": "balance", "first": "20 min"}, "BASAL-1U", "balance"),
]


@pytest.mark.parametrize(
    ("fault", "test_id", "seen"),
    FAULTS,
    ids=lambda value: str(value.get("fault", "")) if isinstance(value, dict) else None,
)
def test_a_fault_is_seen_by_the_test_made_for_it(
    fault: dict[str, Any], test_id: str, seen: str, tmp_path: Path
) -> None:
    run = run_plan(smoke_text(), rig_text([fault]), 3, tmp_path, [test_id])
    (result,) = run.tests
    assert result.verdict is not Verdict.PASS, f"{fault} went unseen"
    not_met = "\n".join([said(result), *(j.measurement for j in result.judged if j.verdict is not Verdict.PASS)])
    assert re.search(seen, not_met, re.IGNORECASE), f"{result.verdict}: {not_met}"


@pytest.mark.parametrize("seed", range(1, 11))
def test_a_healthy_pump_passes_the_smoke_plan(seed: int, tmp_path: Path) -> None:
    run = run_plan(smoke_text(), rig_text(), seed, tmp_path)
    assert {test.id: (test.verdict.value, test.reason) for test in run.tests if test.verdict is not Verdict.PASS} == {}
