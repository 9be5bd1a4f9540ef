"""Simulated faults of every kind are seen in a run of the smoke plan, by name of what was seen.

`pumpbench score` tries all of them; docs/score.md has what came of it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bench.results.model import RunResult, Verdict
from bench.rig.safe import UnsafeError
from tests.system.in_process import rig_text, run_plan, said, smoke_text

FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"fault": "dose_scale_error", "factor": 0.75}, "BOLUS-1U", "mean_error"),
    ({"fault": "missed_pulses"}, "BASAL-2U", "missed"),
    ({"fault": "slow_leak"}, "OCCLUSION-3U", "alarm|stored|missed"),
    ({"fault": "no_alarm"}, "OCCLUSION-3U", "no .*alarm|time_to_alarm"),
    ({"fault": "false_alarm"}, "BASAL-2U", "OCCLUSION"),
    ({"fault": "bubble"}, "BASAL-2U", "mean_error|missed"),
    ({"fault": "balance_bump"}, "BASAL-2U", "bump|jump|step|disturb"),
    ({"fault": "balance_drift"}, "BASAL-0.5U", "drift|evaporation|mean_error"),
    ({"fault": "balance_frozen"}, "BASAL-2U", "frozen|repeats|same value|unchanged"),
    ({"fault": "balance_scale_error", "error": "30 %"}, "BOLUS-1U", "mean_error"),
    ({"fault": "evaporation"}, "BASAL-0.5U", "evaporat|drift|loses"),
    ({"fault": "bolus_cut_short"}, "BOLUS-5U", "delivery_time|mean_error"),
    ({"fault": "reported_not_delivered"}, "BOLUS-1U", "mean_error|within_15|reported"),
    ({"fault": "occluder_leaks"}, "OCCLUSION-3U", "alarm|time_to_alarm"),
    ({"fault": "sensor_offset"}, "OCCLUSION-3U", "pressure"),
    ({"fault": "warm_room"}, "BASAL-2U", "air was .* warm"),
    ({"fault": "silent_instrument", "instrument": "balance", "first": "20 min"}, "BASAL-2U", "balance"),
    ({"fault": "garbled_line", "instrument": "balance", "every": 7, "first": "20 min"}, "BASAL-2U", "garbled lines"),
    ({"fault": "no_alarm"}, "OCCLUSION-6U", r"greatest pressure while shut > 2\d\d"),
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


def test_a_pump_that_falls_silent_ends_the_run_with_an_alarm_to_the_people(tmp_path: Path) -> None:
    fault = {"fault": "silent_instrument", "instrument": "pump", "first": "20 min"}
    with pytest.raises(UnsafeError, match=r"pump is not stopped.*by hand"):
        run_plan(smoke_text(), rig_text([fault]), 3, tmp_path, ["BASAL-2U"])
    run = RunResult.model_validate_json((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert not run.complete
    assert [test.verdict for test in run.tests] == [Verdict.ERROR]
    assert "no answer" in run.tests[0].reason
