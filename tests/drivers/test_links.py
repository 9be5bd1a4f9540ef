"""Links over pseudo-terminals, sockets and VISA: lines, arrival times, time-outs, and what breaks."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from bench.clock import RealClock
from drivers.errors import GarbledReplyError, LinkError
from drivers.link import BUFFER_LIMIT, Line, Link, Turn, is_visa, open_link, open_serial
from tests.drivers.peers import Answer, PtyPeer, TcpPeer

MakePty = Callable[[Answer, bytes], PtyPeer]
MakeTcp = Callable[[Answer, bytes], TcpPeer]


def silent(_: bytes) -> None:
    return None


class FedLink(Link):
    """A link whose chunks, and the instants at which they come, the test chooses."""

    def __init__(self, chunks: list[bytes], clock: StepClock) -> None:
        super().__init__("balance", "test", clock, None)
        self._chunks_to_come = chunks
        self._clock = clock

    def _send(self, data: bytes) -> None: ...

    def _receive(self, may_wait: bool) -> bytes:
        if not may_wait:
            return b""
        self._clock.time_s += 1.0
        return self._chunks_to_come.pop(0) if self._chunks_to_come else b""

    def _shut(self) -> None: ...


class StepClock(RealClock):
    time_s = 0.0

    def now_s(self) -> float:
        return self.time_s


def test_a_line_is_timed_by_its_first_byte() -> None:
    link = FedLink([b"S S 1", b".0 g\r\nS D", b" 2.0 g\r\nS S 3.0 g\r\n"], StepClock())
    assert [link.read_line(10.0) for _ in range(3)] == [
        Line(b"S S 1.0 g", 1.0),
        Line(b"S D 2.0 g", 2.0),
        Line(b"S S 3.0 g", 3.0),
    ]


def test_a_terminator_split_between_two_reads_is_found() -> None:
    link = FedLink([b"relay on 0\n\r", b"\n", b"\r>rest"], StepClock())
    assert link.read_until(b"\n\r\n\r", 10.0) == Line(b"relay on 0", 1.0)
    assert link.unread == b">rest"


def test_a_partial_line_waits_for_the_next_call() -> None:
    clock = StepClock()
    link = FedLink([b"S S 1", b"", b"", b".0 g\n"], clock)
    assert link.read_line(2.0) is None
    assert link.read_line(4.0) == Line(b"S S 1.0 g", 1.0)


def test_endless_noise_ends_in_an_error_and_an_empty_buffer() -> None:
    link = FedLink([b"\xff" * 4096] * 1000, StepClock())
    with pytest.raises(GarbledReplyError, match="65536 bytes came without"):
        link.read_line(1e9)
    assert link.unread == b""


KINDS = ["pty", "socket", "visa", "visa serial", "visa serial over a socket"]


def address_of(kind: str, answer: Answer, pty_peer: MakePty, tcp_peer: MakeTcp) -> str:
    """Start a peer and return where a link of some kind finds it."""
    if kind in ("pty", "visa serial"):
        pty = pty_peer(answer, b"\n")
        return pty.address if kind == "pty" else f"ASRL{pty.address}::INSTR"
    tcp = tcp_peer(answer, b"\n")
    return {"socket": tcp.address, "visa": tcp.visa_address}.get(kind, f"ASRL{tcp.address}::INSTR")


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_pass_and_are_logged(kind: str, clock: RealClock, pty_peer: MakePty, tcp_peer: MakeTcp) -> None:
    def answer(command: bytes) -> bytes:
        return command + b" yes\r\nand more\n"

    log: list[tuple[str, str, bytes]] = []
    address = address_of(kind, answer, pty_peer, tcp_peer)
    link = open_link(address, clock, instrument="pump", wire_log=lambda who, way, _, data: log.append((who, way, data)))
    before_s = clock.now_s()
    link.write(b"ready?\n")
    first = link.read_line(clock.now_s() + 5.0)
    second = link.read_line(clock.now_s() + 5.0)
    third = link.read_line(clock.now_s() + 0.05)
    link.close()
    link.close()
    assert first is not None
    assert second is not None
    assert third is None
    assert (first.data, second.data) == (b"ready? yes", b"and more")
    assert before_s <= first.arrived_s <= second.arrived_s <= clock.now_s()
    assert log == [("pump", "tx", b"ready?\n"), ("pump", "rx", b"ready? yes\r\n"), ("pump", "rx", b"and more\n")]


@pytest.mark.parametrize("kind", ["pty", "socket", "visa"])
def test_noise_without_line_end_is_bounded_on_every_link(
    kind: str, clock: RealClock, pty_peer: MakePty, tcp_peer: MakeTcp
) -> None:
    def answer(_: bytes) -> bytes:
        return b"\x81" * (BUFFER_LIMIT + 5000)

    link = open_link(address_of(kind, answer, pty_peer, tcp_peer), clock, instrument="pump")
    link.write(b"noise\n")
    with pytest.raises(GarbledReplyError, match=r"without b'\\n'; saw b'\\x81"):
        link.read_line(clock.now_s() + 20.0)
    link.close()


def test_input_from_before_the_opening_is_discarded(clock: RealClock, pty_peer: MakePty) -> None:
    peer = pty_peer(lambda _: b"fresh\n", b"\n")
    peer.send(b"stale\n")
    link = open_serial(peer.address, clock, instrument="balance")
    link.write(b"?\n")
    line = link.read_line(clock.now_s() + 5.0)
    link.close()
    assert line is not None
    assert line.data == b"fresh"


def test_a_device_is_opened_by_one_program_only(clock: RealClock, pty_peer: MakePty) -> None:
    peer = pty_peer(silent, b"\n")
    link = open_serial(peer.address, clock, instrument="balance")
    with pytest.raises(LinkError, match=f"balance at {peer.address}: cannot be opened"):
        open_serial(peer.address, clock, instrument="balance")
    link.close()


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("/dev/serial/by-id/none", "group dialout"),
        ("socket://127.0.0.1:1", "device server switched on"),
        ("nonsense://x", "Check the address"),
        ("sim://nobody/balance", "Check the address|inside a simulated run"),
        ("TCPIP0::not a host::SOCKET", "VISA address right"),
    ],
)
def test_what_cannot_be_opened_says_why(address: str, says: str, clock: RealClock) -> None:
    with pytest.raises(LinkError, match=says) as caught:
        open_link(address, clock, instrument="balance")
    assert str(caught.value).startswith(f"balance at {address}: cannot be opened")


def test_a_broken_link_says_so(clock: RealClock, pty_peer: MakePty, tcp_peer: MakeTcp) -> None:
    pty, tcp = pty_peer(silent, b"\n"), tcp_peer(lambda _: b"half", b"\n")
    for peer in (pty, tcp):
        link = open_serial(peer.address, clock, instrument="balance")
        link.write(b"hello\n")
        link.read_line(clock.now_s() + 0.3)
        peer.hang_up()
        with pytest.raises(LinkError, match="the link broke"):
            link.read_line(clock.now_s() + 5.0)
        link.close()
        with pytest.raises(LinkError, match="is closed"):
            link.read_line(clock.now_s() + 1.0)
        with pytest.raises(LinkError, match="is closed"):
            link.write(b"x")


def test_a_visa_socket_that_nobody_serves_says_so(clock: RealClock, tcp_peer: MakeTcp) -> None:
    peer = tcp_peer(silent, b"\n")
    peer.close()

    def talk() -> None:
        # pyvisa-py notices only when it is used.
        link = open_link(peer.visa_address, clock, instrument="pump")
        try:
            for _ in range(3):
                link.write(b"*IDN?\n")
                link.read_line(clock.now_s() + 0.3)
        finally:
            link.close()

    with pytest.raises(LinkError, match="pump at TCPIP0"):
        talk()


@pytest.mark.parametrize(
    ("address", "visa"),
    [
        ("TCPIP0::192.0.2.7::5025::SOCKET", True),
        ("ASRL/dev/ttyUSB0::INSTR", True),
        ("ASRLsocket://192.0.2.7:4001::INSTR", True),
        ("USB0::0x2A8D::0x0101::MY57500001::INSTR", True),
        ("/dev/ttyUSB0", False),
        ("socket://[::1]:5025", False),
        ("COM3", False),
    ],
)
def test_addresses(address: str, visa: bool) -> None:
    assert is_visa(address) is visa


def test_turns_are_taken_one_at_a_time_in_order(clock: RealClock) -> None:
    turn = Turn(clock, "pump at test")
    order: list[str] = []
    assert turn.take(clock.now_s())
    assert not turn.take(clock.now_s() + 0.02)

    def speak(name: str) -> None:
        with turn:
            order.append(name)

    threads = [threading.Thread(target=speak, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
        clock.sleep_s(0.05)
    order.append("first")
    turn.end()
    for thread in threads:
        thread.join(5.0)
    assert order == ["first", "a", "b"]


def test_a_secret_is_shown_as_asterisks_in_logs_and_errors(clock: RealClock, pty_peer: MakePty) -> None:
    log: list[tuple[str, bytes]] = []
    peer = pty_peer(lambda command: command + b"\n", b"\n")
    link = open_serial(
        peer.address, clock, instrument="pump", wire_log=lambda _, way, __, data: log.append((way, data))
    )
    link.keep_secret(b"3CC1")
    link.keep_secret(b"")
    link.write(b"!REMOTE^3CC1|B1F1\n")
    line = link.read_line(clock.now_s() + 5.0)
    link.close()
    assert line is not None
    assert line.data == b"!REMOTE^3CC1|B1F1"  # the driver sees what came
    assert peer.received == [b"!REMOTE^3CC1|B1F1"]
    assert log == [("tx", b"!REMOTE^****|B1F1\n"), ("rx", b"!REMOTE^****|B1F1\n")]
    error = GarbledReplyError(link.name, "answered '3CC1'", sent=b"^3CC1|", seen=line.data, advice="Is 3CC1 right?")
    assert "3CC1" not in str(error)
    assert (error.sent, error.seen) == (b"^****|", b"!REMOTE^****|B1F1")
    again = LinkError(error.instrument, "once more, 3CC1")  # as a sampler raises it anew
    assert "3CC1" not in str(again)


def test_a_pseudo_terminal_is_opened_again_whatever_parity_it_cannot_have(clock: RealClock, pty_peer: MakePty) -> None:
    peer = pty_peer(lambda command: command + b"\n", b"\n")
    for _ in range(2):
        link = open_link(peer.address, clock, instrument="climate", baudrate=4800, bytesize=7, parity="E")
        link.write(b"?\n")
        assert link.read_line(clock.now_s() + 5.0) is not None
        link.close()
