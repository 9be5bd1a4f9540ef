"""Clients that others wrote, each in a process of its own, against the emulated balances in real time.

`sartorius` and `SartoriUSB` speak SBI, `AnD_balance` A&D standard format, `serial-scale-bench` a print command that
Ohaus balances have. The vessel on the pan has some 25 g; a balance is unstable for its first second and a half.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drivers.served import client, served_balance

VESSEL_G = pytest.approx(24.986, abs=0.01)
NOTHING_G = pytest.approx(0.0, abs=0.001)


SARTORIUS = """
import asyncio, json, sys
from sartorius import Scale

async def stable(scale):
    while not (reading := await scale.get()).get("stable"):
        await asyncio.sleep(0.1)
    return reading

async def main():
    async with Scale(sys.argv[1]) as scale:
        said = {"before": await stable(scale), "info": await scale.get_info()}
        await scale.zero()
        await asyncio.sleep(0.3)
        said["after"] = await stable(scale)
        print(json.dumps(said))

asyncio.run(main())
"""


@pytest.mark.parametrize("channel", ["terminal", "tcp"])
def test_sartorius(tmp_path: Path, channel: str) -> None:
    """On a terminal it sends bare `ESC P`, on TCP `ESC P CR LF`."""
    with served_balance(tmp_path, "sartorius_sbi", "sartorius_sbi") as served:
        said = client(SARTORIUS, served.terminal if channel == "terminal" else f"127.0.0.1:{served.tcp_port}")
    reading = {"units": "g", "stable": True, "measurement": "net"}
    assert said["before"] == {"mass": VESSEL_G, **reading}
    assert said["info"] == {"model": "TWIN-SBI", "serial": "SIM-BALANCE-1", "software": "00-01-00"}
    assert said["after"] == {"mass": NOTHING_G, **reading}


SARTORIUSB = """
import json, sys, time
import sartoriusb
with sartoriusb.SartoriusUsb(sys.argv[1], 9600, timeout=0.3) as scale:
    scale.send(sartoriusb.CMD_EXPCLICIT_TARA)
    time.sleep(2.0)
    measured = scale.measure()
    texts = [scale.get(command) for command in (sartoriusb.CMD_INFO_TYPE, sartoriusb.CMD_INFO_SNR)]
    print(json.dumps([measured.mode, float(measured.value), measured.message, texts]))
"""


@pytest.mark.parametrize("line_length", [16, 22])
def test_sartoriusb(tmp_path: Path, line_length: int) -> None:
    menu = {"emulator": "sartorius_sbi", "line_length": line_length}
    with served_balance(tmp_path, "sartorius_sbi", menu) as served:
        mode, value, message, texts = client(SARTORIUSB, served.terminal)
    assert (mode, message) == ("N" if line_length == 22 else "unknown", None)
    assert value == NOTHING_G
    assert texts == [["TWIN-SBI\r\n"], ["SIM-BALANCE-1\r\n"]]


# The package's own __init__ does not find its modules; they are loaded from beside it.
AND = """
import importlib.util, json, pathlib, sys, time, types
package = types.ModuleType("AnD_balance")
package.__path__ = [str(pathlib.Path(importlib.util.find_spec("AnD_balance").origin).parent)]
sys.modules["AnD_balance"] = package
from AnD_balance.balance import FX_Balance
time.sleep(1.5)
balance = FX_Balance(sys.argv[1])
said = {"who": [balance.model, balance.serial_number, balance.id], "stable": balance.get_weight("stable")}
said["now"] = balance.get_weight("immediate")
said["tare"] = balance.tare()
said["after"] = balance.get_weight("stable")
print(json.dumps(said))
"""


def test_and_balance(tmp_path: Path) -> None:
    with served_balance(tmp_path, "and_standard", "and_standard") as served:
        said = client(AND, served.terminal)
    assert said["who"] == ["TWIN-FX", "SIM-BALANCE-1", "TWIN"]
    assert said["stable"] == [VESSEL_G, "g", "Stable"]
    assert said["now"] == [VESSEL_G, "g", "Stable"]
    assert said["tare"] == [VESSEL_G, "g", "Zero"]  # what the client calls the tare weight
    assert said["after"] == [NOTHING_G, "g", "Stable"]


BENCH_SCALE = """
import json, sys, time
from serial_scale_bench.scale import SerialScale
scale = SerialScale(sys.argv[1], 9600, timeout=0.3)
time.sleep(1.5)
said = {"protocol": scale.protocol, "before": scale.get_weight(), "responsive": scale.is_responsive()}
scale.tare()
time.sleep(0.5)
said["after"] = scale.get_weight()
print(json.dumps(said))
"""


def test_serial_scale_bench(tmp_path: Path) -> None:
    with served_balance(tmp_path, "ohaus", "ohaus") as served:
        said = client(BENCH_SCALE, served.terminal)
    assert said == {"protocol": 2, "before": VESSEL_G, "responsive": True, "after": NOTHING_G}
