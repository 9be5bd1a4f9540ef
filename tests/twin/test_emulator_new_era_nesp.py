"""The New Era emulator on a pseudo-terminal, driven by `nesp-lib`, a client written by others, in both modes.

`nesp-lib` opens its port without a time-out, so it runs in a process of its own with a limit.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.twin.served import served

RIG = """
rig: served
instruments: {pump: {driver: new_era, address: "sim://twin/pump", diameter: 4.699 mm}}
simulation:
  pump: {pulse: 0.02 µL, bolus_pulse_interval: 100 ms, reservoir: 20 µL}
  emulators: {pump: {emulator: new_era, reset_alarm: RESET}}
"""
LIMIT_S = 60.0

CLIENT = """
import json, sys, time
import nesp_lib
from nesp_lib import AlarmStatus, Port, Pump, PumpingDirection, Status


def alarms():
    # the first that comes, and what comes after it in reply until that is none
    found, end_s = [], time.monotonic() + 10.0
    while time.monotonic() < end_s:
        try:
            running = pump.running
        except nesp_lib.exceptions.StatusAlarmException as error:
            found.append(error.alarm_status.name)
            continue
        if found:
            break
        time.sleep(0.05)
    time.sleep(0.2)
    port._Port__serial.reset_input_buffer()  # a packet that came unasked puts this client out of step
    return found


port, timeout_s = Port(sys.argv[1], 19200), int(sys.argv[2])
told = {}
pump = Pump(port, 0, 1000, timeout_s)  # raises unless the model is 1000
told["version"] = pump.firmware_version
told["mode"] = pump.safe_mode_timeout_s
pump.syringe_diameter_mm = 4.699
pump.pumping_direction = PumpingDirection.INFUSE
pump.pumping_volume_ml = 0.0062
pump.pumping_rate_ml_per_min = 0.744
told["set"] = [pump.syringe_diameter_mm, pump.pumping_volume_ml, pump.pumping_rate_ml_per_min]
pump.run()
told["after a run"] = [pump.status.name, pump.volume_infused_ml, pump.volume_withdrawn_ml]
pump.volume_infused_clear()
told["cleared"] = pump.volume_infused_ml
try:
    pump.pumping_rate_ml_per_min = 100.0
except ValueError as error:
    told["out of range"] = str(error)
pump.pumping_volume_ml = 0.5
pump.run(False)
told["running"] = [pump.running, pump.status.name]
try:
    pump.syringe_diameter_mm = 5.0
except nesp_lib.exceptions.StateException as error:
    told["not now"] = type(error).__name__
pump.stop()
told["stopped once"] = pump.status.name
pump.stop()
told["stopped twice"] = pump.status.name
pump.pumping_direction = PumpingDirection.WITHDRAW
pump.run_purge()
told["purging"] = pump.status.name
pump.stop()
pump.pumping_direction = PumpingDirection.INFUSE

# The syringe ends within seconds at this rate: the motor stalls.
pump.pumping_rate_ml_per_min = 0.8
pump.run(False)
told["stall"] = alarms()
told["after the stall"] = pump.status.name

if timeout_s:
    transmit = port._transmit

    def flip(data):
        port._transmit = transmit
        transmit(data[:-2] + bytes([data[-2] ^ 1]) + data[-1:])

    port._transmit = flip
    try:
        pump.status
    except nesp_lib.exceptions.ChecksumRequestException as error:
        told["flipped"] = type(error).__name__
    told["after the flip"] = pump.status.name

    pump.safe_mode_timeout_s = 1
    pump._Pump__heartbeat_event_timeout_s = 0.0  # ends its own keep-alives
    pump._Pump__heartbeat_event.set()
    pump._Pump__heartbeat_thread.join()
    time.sleep(1.3)
    told["silence"] = alarms()
else:
    pump.safe_mode_timeout_s = 5
    told["changed over"] = [pump.safe_mode_timeout_s, pump.status.name]
    pump.safe_mode_timeout_s = 0
    told["and back"] = [pump.safe_mode_timeout_s, pump.status.name]
print(json.dumps(told))
"""


@pytest.fixture
def address(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    with served(RIG.replace("RESET", str(request.param).lower()), tmp_path) as instruments:
        yield instruments["pump"]["address"]


@pytest.mark.parametrize("address", [True, False], indirect=True, ids=["reset pending", "no alarm"])
@pytest.mark.parametrize("timeout_s", [0, 10], ids=["basic", "safe"])
def test_nesp_lib(address: str, timeout_s: int) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", CLIENT, address, str(timeout_s)], capture_output=True, text=True, timeout=LIMIT_S
    )
    assert ended.returncode == 0, ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout)
    common = {
        "version": [3, 93],
        "mode": timeout_s,
        "set": [4.699, 0.0062, 0.744],
        "after a run": ["STOPPED", 0.0062, 0.0],
        "cleared": 0.0,
        "out of range": "Pumping rate invalid: Value exceeds limit.",
        "running": [True, "INFUSING"],
        "not now": "StateException",
        "stopped once": "PAUSED",
        "stopped twice": "STOPPED",
        "purging": "PURGING",
        # In safe mode the pump tells an alarm by itself, which does not acknowledge it: it comes again in reply.
        "stall": ["STALLED"] * (2 if timeout_s else 1),
        "after the stall": "STOPPED",
    }
    if timeout_s:
        common |= {"flipped": "ChecksumRequestException", "after the flip": "STOPPED", "silence": ["TIMEOUT"] * 2}
    else:
        common |= {"changed over": [5, "STOPPED"], "and back": [0, "STOPPED"]}
    assert told == common
