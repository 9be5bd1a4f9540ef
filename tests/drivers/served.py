"""An emulated instrument in real time, as `pumpbench simulate` serves it, and clients in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.clock import RealClock
from bench.twin.serve import serve

PATIENCE_S = 20.0


@dataclass(frozen=True)
class Served:
    """Where the instrument is: some clients take nothing but `/dev/…`."""

    terminal: str
    tcp_port: int


@contextmanager
def served_balance(folder: Path, driver: str, emulator: Any) -> Iterator[Served]:
    """Serve a rig whose balance is played by an emulator, in a thread."""
    with served_instrument(folder, "balance", driver, emulator, readability="0.01 mg") as served:
        yield served


@contextmanager
def served_instrument(folder: Path, role: str, driver: str, emulator: Any, **keys: Any) -> Iterator[Served]:
    """Serve a rig one of whose instruments is played by an emulator, in a thread."""
    rig = {
        "rig": "served",
        "instruments": {role: {"driver": driver, "address": f"sim://twin/{role}", **keys}},
        "simulation": {"emulators": {role: emulator}},
    }
    source, output = folder / "source.yaml", folder / "served.yaml"
    source.write_text(yaml.safe_dump(rig), encoding="utf-8")
    ready, stop = threading.Event(), threading.Event()
    lines: list[str] = []

    def announce(line: str) -> None:
        lines.append(line)
        if line.startswith("Ctrl-C"):
            ready.set()

    def run() -> None:
        serve(source, output, seed=1, tcp=False, clock=RealClock(), stop=stop.is_set, announce=announce)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(PATIENCE_S)
        words = next(line.split() for line in lines if line.split()[0] == role)
        yield Served(str(Path(words[1]).resolve()), int(words[2].rpartition(":")[2]))
    finally:
        stop.set()
        thread.join(PATIENCE_S)


def client(script: str, *arguments: object) -> Any:
    """Run a client in a process of its own, and return what it prints, as JSON."""
    command = [sys.executable, "-W", "ignore", "-c", script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
