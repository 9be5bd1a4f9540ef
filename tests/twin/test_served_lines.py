"""Served instruments that are set to parity, or speak before they are spoken to."""

from __future__ import annotations

import os
import select
import socket
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import serial

from bench.twin.server import _Terminal
from tests.drivers.served import PATIENCE_S, served_balance


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


def test_a_balance_that_prints_by_itself_is_heard_without_a_word(tmp_path: Path) -> None:
    menu = {"emulator": "sartorius_sbi", "autoprint": "any"}
    with served_balance(tmp_path, "sartorius_sbi", menu) as served:
        file = os.open(served.terminal, os.O_RDWR | os.O_NOCTTY)
        try:
            heard = b""
            while b"\n" not in heard:
                assert select.select([file], [], [], PATIENCE_S)[0]
                heard += os.read(file, 1000)
        finally:
            os.close(file)
        with socket.create_connection(("127.0.0.1", served.tcp_port), PATIENCE_S) as line:
            heard = b""
            while heard.count(b"\n") < 2:
                heard += line.recv(1000)
        assert heard.splitlines()[1].startswith(b"N     + 24.98")
