"""The shorter tests of the smoke plan with every balance in place of the usual one, in simulated time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.system.in_process import rig_text, run_plan, smoke_text

# Driver with its options, and the emulator with what its menu is set to.
BALANCES: dict[str, tuple[dict[str, Any], Any]] = {
    "sartorius_sbi": ({}, "sartorius_sbi"),
    "sartorius_sbi, autoprint": ({}, {"emulator": "sartorius_sbi", "autoprint": "any", "line_length": 16}),
    "and_standard": ({}, "and_standard"),
    "and_standard, erCd 1": ({}, {"emulator": "and_standard", "error_codes": True}),
    "ohaus": ({}, "ohaus"),
    "ohaus, polled": ({"stream": "polled", "poll_rate_hz": 10}, {"emulator": "ohaus", "blank_fields": True}),
    "radwag": ({}, "radwag"),
}


BOLUSES = ["BOLUS-0.1U", "BOLUS-1U"]


@pytest.mark.parametrize("name", BALANCES)
def test_the_smoke_plan_s_shorter_tests_pass(name: str, tmp_path: Path) -> None:
    options, emulator = BALANCES[name]
    driver, _, menu = name.partition(", ")
    tests = BOLUSES if menu else ["BASAL-2U", *BOLUSES]
    rig = yaml.safe_load(rig_text())
    rig["instruments"]["balance"].update({"driver": driver, **options})
    rig["simulation"]["emulators"]["balance"] = emulator
    run = run_plan(smoke_text(), yaml.safe_dump(rig, allow_unicode=True), 1, tmp_path, tests)
    assert {test.id: test.verdict for test in run.tests} == dict.fromkeys(tests, "pass")
