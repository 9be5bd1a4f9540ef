"""The simulated balance served in real time, and a client that others wrote: PyLabRobot's for Mettler Toledo balances.

It reads one line for each command, the second field as a status and the fourth as a unit that must be g, and knows
`SC`, `TC` and `ZC`, which some real balances answer by `ES`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.clock import RealClock
from bench.twin.serve import serve

PATIENCE_S = 60.0
CLIENT = """
import asyncio, json, sys
from pylabrobot.scales.mettler_toledo_backend import MettlerToledoError, MettlerToledoWXS205SDUBackend

async def tell(call):
    try:
        return await call
    except MettlerToledoError as error:
        return error.title

async def main(port, steps):
    scale = MettlerToledoWXS205SDUBackend(port=port)
    await scale.setup()
    try:
        told = [(name, await tell(getattr(scale, name)(*arguments))) for name, *arguments in steps]
        print(json.dumps({"serial": scale.serial_number, "told": told}))
    finally:
        await scale.stop()

asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
"""


class Served:
    """The twin of a rig with a light vessel on the balance, served by a thread."""

    def __init__(self, folder: Path, balance: dict[str, Any]) -> None:
        rig = {
            "rig": "served",
            "instruments": {"balance": {"driver": "mettler_mt_sics", "address": "sim://twin/balance"}},
            "simulation": {
                "plant": {"vessel_mass": "1 g"},
                "emulators": {"balance": {"emulator": "mt_sics", **balance}},
            },
        }
        self._source, self._output = folder / "source.yaml", folder / "served.yaml"
        self._source.write_text(yaml.safe_dump(rig), encoding="utf-8")
        self._ready, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._ready.wait(PATIENCE_S)
        self.terminal = str(yaml.safe_load(self._output.read_text("utf-8"))["instruments"]["balance"]["address"])

    def _run(self) -> None:
        def announce(line: str) -> None:
            if line.startswith("Ctrl-C"):
                self._ready.set()

        serve(
            self._source,
            self._output,
            seed=1,
            tcp=False,
            clock=RealClock(),
            stop=self._stop.is_set,
            announce=announce,
        )

    def end(self) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_S)


@pytest.fixture
def served(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Served]:
    made = Served(tmp_path, request.param)
    yield made
    made.end()


def drive(terminal: str, *steps: tuple[Any, ...]) -> dict[str, Any]:
    """Have the client do `steps` in a process of its own; return what it was told."""
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, terminal, json.dumps(steps)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["serial"] == "SIM-BALANCE-1"
    return {f"{number} {name}": value for number, (name, value) in enumerate(told["told"])}


@pytest.mark.parametrize("served", [{}], indirect=True)
def test_pylabrobot_weighs_tares_and_zeroes(served: Served) -> None:
    told = drive(
        served.terminal,
        ("read_weight", "stable"),
        ("tare", "stable"),
        ("request_tare_weight",),
        ("read_weight", 0),
        ("read_weight", 2.0),
        ("tare", 1.0),
        ("clear_tare",),
        ("zero", "stable"),
        ("zero", 0),
        ("zero", 1.0),
        ("read_weight", "stable"),
        ("set_display_text", "do not touch"),
        ("set_weight_display",),
    )
    vessel_g = told["0 read_weight"]
    assert vessel_g == pytest.approx(1.0, abs=0.03)
    assert told["1 tare"][:2] == ["T", "S"]
    assert told["2 request_tare_weight"] == pytest.approx(vessel_g, abs=5e-4)
    assert told["3 read_weight"] == pytest.approx(0.0, abs=5e-4)
    assert told["4 read_weight"] == pytest.approx(0.0, abs=5e-4)
    assert told["5 tare"][:2] == ["TC", "S"]
    assert told["6 clear_tare"] == ["TAC", "A"]
    assert told["7 zero"] == ["Z", "A"]
    assert told["8 zero"][0] == "ZI"
    assert told["9 zero"][0] == "ZC"
    assert told["10 read_weight"] == pytest.approx(0.0, abs=5e-4)
    assert told["11 set_display_text"] == ["D", "A"]
    assert told["12 set_weight_display"] == ["DW", "A"]


@pytest.mark.parametrize(
    "served",
    [{"lacks": ["SC", "TC", "ZC"], "never_stable": True, "stability_timeout": "500 ms", "host_unit": "kg"}],
    indirect=True,
)
def test_pylabrobot_is_told_what_cannot_be_done(served: Served) -> None:
    told = drive(
        served.terminal,
        ("read_weight", 0),
        ("read_weight", 1.0),
        ("tare", 1.0),
        ("zero", 1.0),
        ("read_weight", "stable"),
        ("tare", "stable"),
        ("tare", 0),
    )
    assert told["0 read_weight"] == pytest.approx(1.0, abs=0.03)  # its setup has the unit set to g
    assert [told[step] for step in ("1 read_weight", "2 tare", "3 zero")] == ["Syntax error"] * 3
    assert told["4 read_weight"] == told["5 tare"] == "Command not understood, not executable at present"
    assert told["6 tare"][:2] == ["TI", "D"]
