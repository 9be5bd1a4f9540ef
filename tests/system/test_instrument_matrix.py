"""Shorter tests of the smoke plans with every balance and every pump, in simulated time.

`benchmarks/instrument_matrix.py` runs the whole plan in each cell; its table is in docs/benchmarks.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.instrument_matrix import BALANCES, PUMPS, plan_for, rig_with
from drivers.registry import drivers_of
from tests.system.in_process import run_plan

PUMP = "scpi_insulin_pump"
SHORT = {
    PUMP: ["BASAL-2U", "BOLUS-1U"],
    "new_era": ["BOLUS-1U"],
    "harvard_ultra": ["BOLUS-1U"],
    "alaris_asena": ["BOLUS-0.1ML"],
    "operator_pump": ["BOLUS-1U"],
}
# Of a balance, what its menu may be set to beside the usual: driver with its options, and the emulator with its own.
MENUS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("sartorius_sbi", {}, {"autoprint": "any", "line_length": 16}),
    ("and_standard", {}, {"error_codes": True}),
    ("ohaus", {"stream": "polled", "poll_rate_hz": 10}, {"blank_fields": True}),
]


def test_no_driver_of_the_tree_is_left_out() -> None:
    assert sorted(drivers_of("balance")) == sorted(BALANCES)
    assert sorted(drivers_of("pump")) == sorted(PUMPS)


@pytest.mark.parametrize("balance", BALANCES)
@pytest.mark.parametrize("pump", PUMPS)
def test_every_balance_goes_with_every_pump(pump: str, balance: str, tmp_path: Path) -> None:
    passes(rig_with(pump, balance), pump, SHORT[pump], tmp_path)


@pytest.mark.parametrize(("driver", "options", "menu"), MENUS)
def test_balances_set_otherwise_pass(
    driver: str, options: dict[str, Any], menu: dict[str, Any], tmp_path: Path
) -> None:
    rig = rig_with(PUMP, driver, options, {"emulator": driver, **menu})
    passes(rig, PUMP, ["BOLUS-0.1U", "BOLUS-1U"], tmp_path)


def passes(rig: str, pump: str, tests: list[str], folder: Path) -> None:
    run = run_plan(plan_for(pump).read_text(encoding="utf-8"), rig, 1, folder, tests)
    assert {test.id: (test.verdict, test.reason) for test in run.tests if test.verdict != "pass"} == {}
    assert [test.id for test in run.tests] == tests
