"""Sixteen balances streaming at 92 Hz over pseudo-terminals in real time: what is lost, how late, at which cost.

    ./run python benchmarks/many_balances.py [--minutes 10] [--peer-minutes 2] [--pymeasure PYTHON]

Emulated balances stand in a process of their own, which notes the instant of each line that it writes; readers are
processes of their own, one after the other in one run: this project's driver, a bare `readline` loop over pyserial, and
pymeasure's serial adapter where `--pymeasure` names an interpreter that has it. Each has a thread for each balance. The
nth line read is the nth line written unless one is lost; a stamp's error is the reader's instant less the writer's,
both by the machine's monotonic clock. Simulated balances; the pseudo-terminals are real.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
_SETTLE_S = 1.0


def main() -> None:
    """Run every reader against fresh balances and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--balances", type=int, default=16)
    parser.add_argument("--rate", type=float, default=92.0, help="Hz (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=10.0, help="for the driver (default: %(default)s)")
    parser.add_argument("--peer-minutes", type=float, default=2.0, help="for each of the others (default: %(default)s)")
    parser.add_argument("--pymeasure", metavar="PYTHON", help="an interpreter that has pymeasure")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--read", choices=READERS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.balances, options.rate)
    elif options.read:
        read(options.read, options.folder, options.minutes * 60.0)
    else:
        compare(options)


def compare(options: argparse.Namespace) -> None:
    """Measure each reader; processor time is told as that of the bare loop, too."""
    interpreters = {"driver": sys.executable, "readline": sys.executable}
    if options.pymeasure:
        interpreters["pymeasure"] = options.pymeasure
    found = {}
    for reader, interpreter in interpreters.items():
        minutes = options.minutes if reader == "driver" else options.peer_minutes
        found[reader] = measure(reader, interpreter, options.balances, options.rate, minutes)
    bare = found["readline"]
    print(
        "| reader | min | lines written | lost | stamp error median / ms | 99 % / ms | processor share |"
        " of the bare loop |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for reader, (minutes, written, lost, errors_s, share) in found.items():
        median_ms, most_ms = np.quantile(errors_s, (0.5, 0.99)) * 1000.0
        print(
            f"| {NAMES[reader]} | {minutes:g} | {written} | {lost} | {median_ms:.2f} | {most_ms:.2f} | {share:.1%} |"
            f" {share / bare[4]:.2f} |"
        )


def measure(
    reader: str, interpreter: str, balances: int, rate_hz: float, minutes: float
) -> tuple[float, int, int, np.ndarray[Any, Any], float]:
    """Return minutes, lines written, lines lost, errors of stamps in s and the reader's share of one processor."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        here = [__file__, "--balances", str(balances), "--rate", str(rate_hz)]
        server = subprocess.Popen([sys.executable, *here, "--serve", str(folder)], cwd=ROOT, stdin=subprocess.PIPE)
        try:
            while not (folder / "ready").exists():
                if server.poll() is not None:
                    raise SystemExit("the emulated balances did not start")
                time.sleep(0.05)
            command = [interpreter, *here, "--read", reader, "--folder", name, "--minutes", str(minutes)]
            subprocess.run(command, cwd=ROOT, check=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
        finally:
            server.communicate(b"\n")
        written, lost, errors = 0, 0, []
        for number in range(balances):
            sent_s, got_s = np.load(folder / f"sent-{number}.npy"), np.load(folder / f"got-{number}.npy")
            written += len(sent_s)
            # What was under way when the reader ended is not lost.
            due = int(np.searchsorted(sent_s, got_s[-1] - _SETTLE_S)) if len(got_s) else len(sent_s)
            lost += max(0, due - len(got_s))
            both = min(len(sent_s), len(got_s))
            errors.append(got_s[:both] - sent_s[:both])
        used = json.loads((folder / "used.json").read_text(encoding="utf-8"))
        return minutes, written, lost, np.concatenate(errors), used["processor_s"] / used["wall_s"]


# -- the emulated balances


def serve(folder: Path, balances: int, rate_hz: float) -> None:
    """Serve balances on pseudo-terminals until something comes on standard input; then tell when lines were written."""
    import selectors
    import tty

    from bench.clock import RealClock
    from bench.twin.settings import Simulation
    from bench.twin.twin import Twin

    clock = RealClock()
    origin_s = time.monotonic() - clock.now_s()
    simulation = Simulation.model_validate({"balance": {"output_rate": f"{rate_hz} Hz"}})
    twins = [Twin(f"many-{number}", simulation, number + 1, clock) for number in range(balances)]
    ports = [twin.ports["balance"] for twin in twins]
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin, selectors.EVENT_READ, -1)
    near: list[int] = []
    sent_s: list[list[float]] = [[] for _ in twins]
    for number, port in enumerate(ports):
        port.open()
        master, slave = os.openpty()
        tty.setraw(slave)
        (folder / f"balance-{number}").symlink_to(os.ttyname(slave))
        selector.register(master, selectors.EVENT_READ, number)
        near.append(master)
    (folder / "ready").touch()
    running = True
    while running:
        now_s = time.monotonic() - origin_s
        for number, (twin, port) in enumerate(zip(twins, ports, strict=True)):
            if twin.next_event_s() > now_s:
                continue
            twin.run_until(now_s)
            if port.waiting:
                data = port.take(port.waiting)
                at_s = time.monotonic()
                os.write(near[number], data)
                sent_s[number] += [at_s] * sum(line.startswith(b"S ") for line in data.split(b"\r\n"))
        next_s = min(twin.next_event_s() for twin in twins)
        for key, _ in selector.select(max(0.0, min(0.05, next_s - (time.monotonic() - origin_s)))):
            if key.data < 0:
                running = False
            else:
                ports[key.data].write(os.read(near[key.data], 4096))
    for number, instants in enumerate(sent_s):
        np.save(folder / f"sent-{number}.npy", np.array(instants))


# -- the readers


def read(reader: str, folder: Path, duration_s: float) -> None:
    """Read every balance in a thread of its own for a time; keep the instant of each line and the processor time."""
    addresses = sorted(folder.glob("balance-*"), key=lambda path: int(path.name.partition("-")[2]))
    got_s: list[list[float]] = [[] for _ in addresses]
    end_s = time.monotonic() + duration_s
    threads = [
        threading.Thread(target=READERS[reader], args=(str(address), end_s, got_s[number]))
        for number, address in enumerate(addresses)
    ]
    started_s, used = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = resource.getrusage(resource.RUSAGE_SELF)
    processor_s = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    told = {"processor_s": processor_s, "wall_s": time.monotonic() - started_s}
    (folder / "used.json").write_text(json.dumps(told), encoding="utf-8")
    for number, instants in enumerate(got_s):
        np.save(folder / f"got-{number}.npy", np.array(instants))


def read_by_driver(address: str, end_s: float, got_s: list[float]) -> None:
    """Read by the driver, whose readings carry their own stamps."""
    from bench.clock import RealClock
    from drivers.balance.mettler_mt_sics import Options, open_balance

    clock = RealClock()
    origin_s = time.monotonic() - clock.now_s()
    balance = open_balance(address, Options(), clock)
    try:
        balance.start_stream()
        while clock.now_s() + origin_s < end_s:
            reading = balance.next_reading(clock.now_s() + 1.0)
            if reading is not None:
                got_s.append(reading.time_s + origin_s)
    finally:
        balance.close()


def read_by_readline(address: str, end_s: float, got_s: list[float]) -> None:
    """Read as a short script would: `readline`, then the clock."""
    import serial

    with serial.Serial(address, 9600, timeout=1.0) as port:
        port.write(b"SIR\r\n")
        while time.monotonic() < end_s:
            line = port.readline()
            if line.startswith(b"S "):
                got_s.append(time.monotonic())


def read_by_pymeasure(address: str, end_s: float, got_s: list[float]) -> None:
    """Read by pymeasure's serial adapter, then the clock."""
    adapter = importlib.import_module("pymeasure.adapters").SerialAdapter(
        address, baudrate=9600, timeout=1.0, read_termination="\r\n", write_termination="\r\n"
    )
    try:
        adapter.write("SIR")
        while time.monotonic() < end_s:
            if adapter.read().startswith("S "):
                got_s.append(time.monotonic())
    finally:
        adapter.close()


READERS: dict[str, Callable[[str, float, list[float]], None]] = {
    "driver": read_by_driver,
    "readline": read_by_readline,
    "pymeasure": read_by_pymeasure,
}
NAMES = {"driver": "this driver", "readline": "pyserial `readline` loop", "pymeasure": "pymeasure `SerialAdapter`"}

if __name__ == "__main__":
    main()
