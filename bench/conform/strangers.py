"""Something that is no instrument, on a loopback socket: it never answers, or it answers garbage."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from bench.clock import RealClock
from bench.conform.model import Elsewhere

_GARBAGE = 64
_CHECK_S = 0.1


@contextmanager
def silent() -> Iterator[Elsewhere]:
    """Yield where something listens and says nothing."""
    with _listening(lambda _: b"") as elsewhere:
        yield elsewhere


@contextmanager
def noisy() -> Iterator[Elsewhere]:
    """Yield where every command is answered by bytes that mean nothing, with line ends among them."""
    chance = random.Random(1)  # noqa: S311 - any bytes will do

    def answer(_: bytes) -> bytes:
        return bytes(chance.randrange(128, 256) for _ in range(_GARBAGE)) + b"\r\n"

    with _listening(answer) as elsewhere:
        yield elsewhere


@contextmanager
def _listening(answer: Callable[[bytes], bytes]) -> Iterator[Elsewhere]:
    ended = threading.Event()

    def serve(server: socket.socket) -> None:
        while not ended.is_set():
            with suppress(TimeoutError):
                host, _ = server.accept()
                with host, suppress(OSError):
                    _talk(host)

    def _talk(host: socket.socket) -> None:
        host.settimeout(_CHECK_S)
        while not ended.is_set():
            with suppress(TimeoutError):
                heard = host.recv(4096)
                if not heard:
                    return
                if reply := answer(heard):
                    host.sendall(reply)

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(_CHECK_S)
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        try:
            yield Elsewhere(f"socket://127.0.0.1:{server.getsockname()[1]}", RealClock())
        finally:
            ended.set()
            thread.join(5.0)
