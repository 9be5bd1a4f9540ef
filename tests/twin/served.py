"""A simulated rig that is served in real time by a thread of the test."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from bench.clock import RealClock
from bench.twin.serve import serve

PATIENCE_S = 30.0


@contextmanager
def served(rig: str, folder: Path, *, tcp: bool = False) -> Iterator[dict[str, Any]]:
    """Serve a rig file's text; yield the instruments of the rig file that was written for it."""
    source, output, ready, stop = folder / "rig.yaml", folder / "served.yaml", threading.Event(), threading.Event()
    source.write_text(rig, encoding="utf-8")

    def announce(line: str) -> None:
        if line.startswith("Ctrl-C"):
            ready.set()

    clock = RealClock()
    thread = threading.Thread(
        target=lambda: serve(source, output, seed=1, tcp=tcp, clock=clock, stop=stop.is_set, announce=announce)
    )
    thread.start()
    try:
        assert ready.wait(PATIENCE_S)
        yield yaml.safe_load(output.read_text(encoding="utf-8"))["instruments"]
    finally:
        stop.set()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
