"""Every driver that has a question for its instruments' identity is found at its emulator, by lines that open it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.cli import main
from bench.clock import RealClock
from bench.rig.load import load_rig
from bench.rig.open import open_rig
from drivers.registry import all_drivers, driver
from tests.twin.served import served

EMULATORS: dict[str, Any] = {
    "alaris_asena": "alaris_asena",
    "and_standard": "and_standard",
    "harvard_ultra": "harvard_ultra",
    "keller_bus": "keller",
    "line_terminal": "operator_terminal",
    "mettler_mt_sics": "mt_sics",
    "new_era": "new_era",
    "numato_gpio": "numato_gpio",
    "numato_relay": "numato",
    "ohaus": "ohaus",
    "omega_px409": "px409",
    "radwag": "radwag",
    "sartorius_sbi": "sartorius_sbi",
    "scpi_dmm": "dmm",
    "scpi_insulin_pump": "insulin_pump",
    "scpi_supply": "supply",
    "scpi_switch": {"emulator": "scpi_switch", "model": "34970A", "interface": "rs232"},
    "vaisala_ptu300": "ptu300",
}
SERIAL_NUMBERS = {
    "alaris_asena": "8002-51740",
    "harvard_ultra": None,
    "keller_bus": None,
    "new_era": None,
    "numato_gpio": "GPIO0001",
    "numato_relay": "SIM-RELA",
    "omega_px409": None,
    "line_terminal": "SIM-HANDS-1",
    "scpi_dmm": "SIM-DMM-1",
    "scpi_insulin_pump": "SIM-PUMP-1",
    "scpi_supply": "SIM-SUPPLY-1",
    "scpi_switch": None,
    "vaisala_ptu300": "SIM-PTU-1",
}
NEEDED: dict[str, dict[str, Any]] = {"keller_bus": {"reference": "gauge"}, "scpi_switch": {"channel": 101}}
"""What the rig file that is served must say, too."""


@contextmanager
def served_one(driver_name: str, folder: Path) -> Iterator[str]:
    """Serve a driver's emulator, and yield its terminal."""
    role = driver(driver_name).role
    rig = {
        "rig": "served",
        "instruments": {role: {"driver": driver_name, "address": f"sim://twin/{role}", **NEEDED.get(driver_name, {})}},
        "simulation": {"emulators": {role: EMULATORS[driver_name]}},
    }
    with served(yaml.safe_dump(rig), folder) as instruments:
        yield instruments[role]["address"]


def test_every_driver_with_a_question_is_tried_here() -> None:
    assert {name for name, entry in all_drivers().items() if entry.probes} == set(EMULATORS)


@pytest.mark.parametrize("name", EMULATORS)
def test_it_is_found_and_the_printed_lines_open_it(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with served_one(name, tmp_path) as address:
        assert main(["discover", "--port", address, "--seconds", "20"]) == 0
        printed, _, lines = capsys.readouterr().out.partition("# for a rig file:\n")
        entry = driver(name)
        assert f"{entry.role}: " in printed
        assert f"({name}: {entry.summary})" in printed
        found: dict[str, Any] = yaml.safe_load(lines)["instruments"]
        assert list(found) == [entry.role]
        serial_number = SERIAL_NUMBERS.get(name, "SIM-BALANCE-1")
        assert found[entry.role].get("serial_number") == serial_number
        rig_file = tmp_path / "found.yaml"
        rig_file.write_text(f"rig: found\n{lines}", encoding="utf-8")
        with open_rig(load_rig(rig_file), RealClock()) as opened:
            assert set(opened.instruments) == {entry.role}
            identity = opened.instruments[entry.role].identify()
            assert serial_number in (None, identity.serial_number)
