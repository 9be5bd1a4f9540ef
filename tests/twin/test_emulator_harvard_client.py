"""The Harvard Protocol 11 emulator on a pseudo-terminal, driven by `python-syringe-pump`, a client by others."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.twin.served import served

RIG = """
rig: served
instruments: {{pump: {{driver: new_era, address: "sim://twin/pump", diameter: 4.699 mm}}}}
simulation:
  pump: {{pulse: 0.02 µL, bolus_pulse_interval: 100 ms, reservoir: 20 µL}}
  emulators: {{pump: {{emulator: harvard_ultra, model: {model}}}}}
"""
LIMIT_S = 60.0

CLIENT = """
import asyncio, json, sys, time
import aioserial
from quantiphy import Quantity
from syringe_pump import Pump, PumpCommandError
from syringe_pump.exceptions import PumpStalledError, TargetReachedError


async def ended(pump, kind):
    end_s = time.monotonic() + 10.0
    while time.monotonic() < end_s:
        try:
            await pump._write("irate")
        except kind as error:
            return type(error).__name__
    return "never"


async def main():
    told = {}
    port = aioserial.AioSerial(port=sys.argv[1], baudrate=115200, timeout=5)
    async with Pump(serial=port) as pump:
        told["version"] = (await pump.version()).model_dump()
        await pump.syringe.set_diameter(4.699)
        await pump.syringe.set_volume(Quantity("1 ml"))
        told["syringe"] = [str(each) for each in await pump.syringe.get_manufacturer()]
        await pump.set_force(100)
        told["force"] = await pump.get_force()
        told["limits"] = [float(each) for each in await pump.infusion_rate.get_limits()]
        await pump.infusion_rate.set(Quantity("1.2 ml/min"))
        await pump.withdrawal_rate.set(Quantity("100 ul/min"))
        told["rates"] = [float(await pump.infusion_rate.get()), float(await pump.withdrawal_rate.get())]
        told["nothing set"] = [await pump.target_volume.get(), await pump.target_time.get()]
        await pump.target_time.set(90)
        told["time"] = (await pump.target_time.get()).total_seconds()
        await pump.target_time.clear()
        await pump.infusion_rate.set_ramp(Quantity("1 ul/min"), Quantity("2 ul/min"), 30.0)
        told["ramp"] = (await pump.infusion_rate.get_ramp()).duration
        await pump.infusion_rate.reset_ramp()
        try:
            await pump.infusion_rate.set(Quantity("500 ml/min"))
        except PumpCommandError as error:
            told["refused"] = error.response.message[0]
        await pump.target_volume.set(Quantity("6 ul"))
        await pump.infusion_volume.clear()
        await pump.run()
        told["end"] = await ended(pump, TargetReachedError)
        told["infused"] = float(await pump.infusion_volume.get())
        await pump.target_volume.clear()
        await pump.run("withdraw")
        await pump.stop()
        told["withdrawn"] = float(await pump.withdrawal_volume.get()) < 1e-4
        await pump.run()
        told["stall"] = await ended(pump, PumpStalledError)
        told["mode"] = await pump.get_mode()
        told["address"] = await pump.set_address(12)
        told["rate at 12"] = float(await pump.infusion_rate.get())
    print(json.dumps(told))


asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("model", "firmware", "limits"),
    [("legato", "v2.0.2", [3.1216e-9, 3.3089e-3]), ("pump_11_elite", "v3.0.4", [2.6553e-9, 2.7575e-3])],
)
def test_python_syringe_pump(model: str, firmware: str, limits: list[float], tmp_path: Path) -> None:
    with served(RIG.format(model=model), tmp_path) as instruments:
        address = instruments["pump"]["address"]
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", CLIENT, address], capture_output=True, text=True, timeout=LIMIT_S
        )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])  # it prints more
    assert told == {
        "version": {"firmware": firmware, "address": 0, "serial_number": "D401460"},
        "syringe": ["Custom", "1 ml", "4.699 mm"],
        "force": 100,
        "limits": [pytest.approx(each) for each in limits],
        "rates": [pytest.approx(1.2e-3), pytest.approx(1e-4)],
        "nothing set": [None, None],
        "time": 90.0,
        "ramp": 30.0,
        "refused": "Argument error: 500",
        "end": "TargetReachedError",
        "infused": pytest.approx(6e-6),
        "withdrawn": True,
        "stall": "PumpStalledError",
        "mode": "Quick Start - Infuse/Withdraw",
        "address": 12,
        "rate at 12": pytest.approx(1.2e-3),
    }
