"""A twin served in real time by a thread of this process, whose cables a test can pull."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import yaml

from bench.clock import RealClock
from bench.twin.served_rig import served_rig
from bench.twin.server import Server
from bench.twin.settings import Simulation
from bench.twin.twin import Twin
from tests.system.conftest import ROOT

_NUMBERS = count(1)
_PATIENCE_S = 10.0


@dataclass
class Served:
    """A twin on pseudo-terminals; `rig` is the data of a rig file for it."""

    rig: dict[str, Any]
    twin: Twin
    _wishes: queue.SimpleQueue[Callable[[], None]]

    def address(self, role: str) -> str:
        return str(self.rig["instruments"][role]["address"])

    def terminal(self, role: str) -> str:
        """Return the pseudo-terminal that stands behind an instrument's address; empty while there is none."""
        link = self.address(role)
        return os.readlink(link) if os.path.islink(link) else ""  # noqa: PTH114, PTH115

    def plug(self, role: str, plugged_in: bool) -> None:
        """Pull an instrument's cable or put it back, and wait until that is done."""
        done = threading.Event()

        def wish() -> None:
            self.twin.ports[role].plug(plugged_in)
            done.set()

        self._wishes.put(wish)
        assert done.wait(_PATIENCE_S)


@contextmanager
def serving() -> Iterator[Served]:
    """Serve the simulated rig."""
    source = yaml.safe_load((ROOT / "fixtures" / "simulated.yaml").read_text(encoding="utf-8"))
    clock, stop = RealClock(), threading.Event()
    wishes: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
    with (
        Twin(
            f"served-{os.getpid()}-{next(_NUMBERS)}", Simulation.model_validate(source["simulation"]), 1, clock
        ) as twin,
        Server(twin.ports) as server,
    ):

        def serve() -> None:
            while not stop.is_set():
                server.step(twin, clock)
                while not wishes.empty():
                    wishes.get()()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield Served(served_rig(source, server.addresses, tcp=False), twin, wishes)
        finally:
            stop.set()
            thread.join(_PATIENCE_S)
