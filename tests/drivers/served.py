"""An emulated balance in real time, as `pumpbench simulate` serves it, and clients in processes of their own."""

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
    """Where the balance is: some clients take nothing but `/dev/…`."""

    terminal: str
    tcp_port: int


@contextmanager
def served_balance(folder: Path, driver: str, emulator: Any) -> Iterator[Served]:
    """Serve a rig whose balance is played by an emulator, in a thread."""
    rig = {
        "rig": "served",
        "instruments": {"balance": {"driver": driver, "address": "sim://twin/balance", "readability": "0.01 mg"}},
        "simulation": {"emulators": {"balance": emulator}},
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
        words = next(line.split() for line in lines if line.split()[0] == "balance")
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
