"""The twin in real time, for any client: what `pumpbench simulate` runs."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import yaml

from bench.clock import RealClock
from bench.twin.served_rig import read_rig, served_rig
from bench.twin.server import LOOPBACK, Address, Server
from bench.twin.twin import Twin


def serve(
    rig_path: Path,
    output: Path,
    *,
    seed: int | None,
    tcp: bool,
    clock: RealClock,
    stop: Callable[[], bool],
    announce: Callable[[str], None],
    text: str | None = None,
) -> None:
    """Serve a rig's simulation in real time until `stop()`, Ctrl-C or SIGTERM.

    Args:
        rig_path: a rig file with a `simulation:` section.
        output: where the rig file for the served instruments is written; its addresses end with the serving.
        seed: where every random number comes from; None for the simulation's own.
        tcp: put serial instruments on TCP (`socket://`) in that file, rather than on pseudo-terminals.
        clock: the run's clock.
        stop: asked several times a second.
        announce: takes each line to be shown.
        text: the rig with the pump model that it names in place; what the file holds by default.

    Raises:
        ServeError: the rig file is none, or has nothing to simulate.

    """
    data, simulation = read_rig(rig_path, text)
    with (
        Twin(f"served-{os.getpid()}", simulation, seed, clock) as twin,
        Server(twin.ports) as server,
        _terminated() as terminated,
    ):
        output.write_text(
            f"# Written by `pumpbench simulate {rig_path}`: good while that runs. Simulated.\n"
            + yaml.safe_dump(served_rig(data, server.addresses, tcp=tcp), sort_keys=False, allow_unicode=True),
            encoding="utf-8",
        )
        for line in _table(server.addresses, output):
            announce(line)
        while not (stop() or terminated.is_set()):
            server.step(twin, clock)


def _table(addresses: dict[str, Address], output: Path) -> Iterator[str]:
    yield "Simulated instruments, in real time:"
    width = max(len(address.terminal) for address in addresses.values())
    yield f"  {'device':<10}{'pseudo-terminal':<{width + 2}}TCP"
    for device, address in addresses.items():
        yield f"  {device:<10}{address.terminal:<{width + 2}}{LOOPBACK}:{address.tcp_port}"
    yield f"Rig file for them: {output}"
    yield "Ctrl-C ends it."


@contextlib.contextmanager
def _terminated() -> Iterator[threading.Event]:
    """Yield what Ctrl-C and SIGTERM set, wherever they land; in another than the main thread nothing does."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return

    def note(_number: int, _frame: FrameType | None) -> None:
        event.set()

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
