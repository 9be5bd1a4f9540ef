"""Served instruments whose line has parity."""

from __future__ import annotations

import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import serial

from bench.twin.server import _Terminal


@contextmanager
def terminal(folder: Path) -> Iterator[_Terminal]:
    made = _Terminal(folder / "terminal")
    try:
        yield made
    finally:
        made.close()


def test_a_terminal_takes_the_same_parity_from_client_after_client(tmp_path: Path) -> None:
    with terminal(tmp_path) as served:
        for _ in range(3):
            served.make_settable()
            with serial.Serial(str(tmp_path / "terminal"), 9600, bytesize=7, parity="O", timeout=1.0) as client:
                served.make_settable()
                client.timeout = 0.1
                settings = termios.tcgetattr(client.fileno())
                assert settings[4] == termios.B9600
