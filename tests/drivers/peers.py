"""The other end of a link: byte-exact instruments on pseudo-terminals and loopback sockets."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import tty
from collections.abc import Callable, Sequence

Answer = Callable[[bytes], bytes | None]
"""What an instrument answers to one command (without its terminator); None for nothing."""


class Script:
    """Expected (sent, received) pairs in order; anything else is answered by nothing and remembered as wrong."""

    def __init__(self, pairs: Sequence[tuple[bytes, bytes | None]]) -> None:
        self.left = list(pairs)
        self.wrong: list[bytes] = []

    def __call__(self, command: bytes) -> bytes | None:
        if self.left and self.left[0][0] == command:
            return self.left.pop(0)[1]
        self.wrong.append(command)
        return None

    def check(self) -> None:
        assert self.wrong == []
        assert self.left == []


class Peer:
    """One instrument's end, served by a thread."""

    address: str

    def __init__(self, answer: Answer, terminator: bytes) -> None:
        self.received: list[bytes] = []
        self._answer = answer
        self._terminator = terminator
        self._partial = b""
        self._wake, self._waker = os.pipe()
        self._closing = False
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        os.write(self._waker, b"x")
        self._thread.join(5)
        assert not self._thread.is_alive()
        os.close(self._wake)
        os.close(self._waker)
        self._shut()

    def send(self, data: bytes) -> None:
        """Say something unasked."""
        raise NotImplementedError

    def hang_up(self) -> None:
        """Break the link."""
        raise NotImplementedError

    def _serve(self) -> None:
        raise NotImplementedError

    def _shut(self) -> None:
        raise NotImplementedError

    def _take(self, data: bytes) -> None:
        *commands, self._partial = (self._partial + data).split(self._terminator)
        for command in commands:
            self.received.append(command)
            reply = self._answer(command)
            if reply:
                self.send(reply)

    def _readable(self, *files: int) -> list[int]:
        ready, _, _ = select.select([*files, self._wake], [], [], 20)
        return [] if self._closing else ready


class PtyPeer(Peer):
    """On a pseudo-terminal; `address` is its device path."""

    def __init__(self, answer: Answer, terminator: bytes) -> None:
        super().__init__(answer, terminator)
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.address = os.ttyname(self._slave)
        self.start()

    def send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            while data and not self._closing:
                _, ready, _ = select.select([], [self._master], [], 0.05)
                data = data[os.write(self._master, data[:1024]) :] if ready else data

    def hang_up(self) -> None:
        self.close()

    def _serve(self) -> None:
        while self._readable(self._master):
            with contextlib.suppress(OSError):
                self._take(os.read(self._master, 4096))

    def _shut(self) -> None:
        os.close(self._master)
        os.close(self._slave)


class TcpPeer(Peer):
    """On a loopback socket; serves one host at a time."""

    def __init__(self, answer: Answer, terminator: bytes) -> None:
        super().__init__(answer, terminator)
        self._server = socket.create_server(("127.0.0.1", 0))
        self._host: socket.socket | None = None
        self.port = self._server.getsockname()[1]
        self.address = f"socket://127.0.0.1:{self.port}"
        self.visa_address = f"TCPIP0::127.0.0.1::{self.port}::SOCKET"
        self.start()

    def send(self, data: bytes) -> None:
        if self._host is not None:
            with contextlib.suppress(OSError):
                self._host.sendall(data)

    def hang_up(self) -> None:
        if self._host is not None:
            with contextlib.suppress(OSError):
                self._host.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        while self._readable(self._server.fileno()):
            self._host, _ = self._server.accept()
            with self._host:
                self._partial = b""
                while self._readable(self._host.fileno()):
                    try:
                        data = self._host.recv(4096)
                    except OSError:
                        break
                    if not data:
                        break
                    self._take(data)
            self._host = None

    def _shut(self) -> None:
        self._server.close()
