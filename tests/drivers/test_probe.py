"""Finding out who is at a port: read-only questions, each at its line setting, and nothing after an answer."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable

import pytest

from bench.clock import RealClock
from drivers.asking import PortError, ask_port, ask_visa
from drivers.link import SerialLine
from drivers.probe import Probe, scpi_probe
from drivers.registry import all_drivers
from tests.drivers.peers import Answer, PtyPeer, TcpPeer
from tests.twin.test_emulator_keller import framed

MakePty = Callable[[Answer, bytes], PtyPeer]
MakeTcp = Callable[[Answer, bytes], TcpPeer]
PROBES = {name: entry.probes for name, entry in all_drivers().items() if entry.probes}
KELLER = b"\xfa\x45\xe3\x82"
"""Whoever is there: your serial number?"""
READ_ONLY = {
    *(b"VER\r", b"I4\r\n", b"*IDN?\n", b"SYST:BRID?\n", b"\rid get\r", b"\rrelay readall\r", b"\r?\r", b"ID?\r\n"),
    *(b"\x1bx1_\r\n", b"\x1bx2_\r\n", b"?SN\r\n", b"?TN\r\n", b"PSN\r\n", b"PU\r\n", b"PV\r\n"),
    *(b"NB\r\n", b"BN\r\n", b"RV\r\n", b"!INST_SERIALNO|457D\r", b"!COMMS_PROTOCOL|E8DA\r", b"ENQ\r", KELLER),
}


def silent(_: bytes) -> None:
    return None


def test_only_questions_for_the_identity_are_asked() -> None:
    """A new driver's question belongs into this list once its manual says that it changes nothing."""
    assert {question for own in PROBES.values() for each in own for question in each.questions} == READ_ONLY


def test_a_balance_is_known_by_its_serial_number_in_the_middle_of_a_stream(clock: RealClock, pty_peer: MakePty) -> None:
    def answer(command: bytes) -> bytes | None:
        return b'S D     1.2345 g\r\nI4 A "B021002593"\r\nS D     1.2346 g\r\n' if command == b"I4" else b"ES\r\n"

    peer = pty_peer(answer, b"\r\n")
    found = ask_port(peer.address, PROBES, clock).answered
    assert found is not None
    assert found.driver == "mettler_mt_sics"
    assert found.said == {"serial": "B021002593"}
    assert found.line == SerialLine(9600)
    assert {b"@", b"Z", b"T", b"SI"} & set(peer.received) == set()
    assert peer.received[-1] == b"I4"


def test_a_pump_bridge_is_told_from_other_scpi_by_its_own_question(clock: RealClock, pty_peer: MakePty) -> None:
    answers = {b"*IDN?": b"Acme,Pump 3,P-7,2.1\n", b"SYST:BRID?": b"1.2\n"}
    peer = pty_peer(lambda command: answers.get(command.strip(b"\r")), b"\n")
    found = ask_port(peer.address, PROBES, clock).answered
    assert found is not None
    assert found.driver == "scpi_insulin_pump"
    assert found.said == {"maker": "Acme", "model": "Pump 3", "serial": "P-7", "firmware": "2.1"}


def test_an_identity_that_no_driver_knows_is_shown_as_such(clock: RealClock, pty_peer: MakePty) -> None:
    peer = pty_peer(lambda command: b"Acme,Oscilloscope 9,S,1\n" if command.endswith(b"*IDN?") else None, b"\n")
    found = ask_port(peer.address, PROBES, clock).answered
    assert found is not None
    assert (found.driver, found.said["model"]) == (None, "Oscilloscope 9")


def test_a_pressure_transducer_is_known_by_its_range(clock: RealClock, pty_peer: MakePty) -> None:
    described = b"USBPX2\r\n4.0.10.0\r\n0.0 to 15.0 psi G\r\n>"
    peer = pty_peer(lambda command: described if command.endswith(b"ENQ") else None, b"\r")
    found = ask_port(peer.address, PROBES, clock).answered
    assert found is not None
    assert (found.driver, found.said) == ("omega_px409", {"model": "USBPX2", "firmware": "4.0.10.0"})


@pytest.mark.parametrize("echo", [b"", KELLER])
@pytest.mark.parametrize("reply", [framed(250, 69, 0, 1, 175, 141), framed(250, 69 | 128, 32)])
def test_a_transmitter_on_the_keller_bus_is_known_by_its_frame(
    echo: bytes, reply: bytes, clock: RealClock, pty_peer: MakePty
) -> None:
    peer = pty_peer(lambda command: echo + reply if command.endswith(KELLER[:2]) else None, KELLER[2:])
    found = ask_port(peer.address, PROBES, clock).answered
    assert found is not None
    assert found.driver == "keller_bus"


def test_a_terminal_that_echoes_is_no_transmitter(clock: RealClock, pty_peer: MakePty) -> None:
    peer = pty_peer(lambda command: command + KELLER[2:], KELLER[2:])
    found = ask_port(peer.address, {"keller_bus": PROBES["keller_bus"]}, clock).answered
    assert found is not None
    assert (found.driver, found.is_echo) == (None, True)


def test_a_frame_is_known_in_the_midst_of_others_bytes_and_by_its_checksum_only() -> None:
    [probe] = PROBES["keller_bus"]
    for frame in (framed(250, 69, 0, 1, 175, 141), framed(250, 69, 227, 130, 0, 1), framed(250, 69 | 128, 32)):
        found = probe.find(b"\x00?SN\r\n" + KELLER + KELLER[:2] + frame + b"\r\n\xff")
        assert found is not None
        assert found[0] == frame
        for place, bit in itertools.product(range(len(frame)), range(8)):
            damaged = bytearray(frame)
            damaged[place] ^= 1 << bit
            assert probe.find(bytes(damaged)) is None
    noise = random.Random(1)
    assert probe.find(b"".join(b"\xfa\x45" + noise.randbytes(6) for _ in range(500))) is None
    assert probe.find(framed(250, 69)) is None


def test_noise_at_whatever_is_asked_is_no_transmitter(clock: RealClock, pty_peer: MakePty) -> None:
    noise = random.Random(2)
    peer = pty_peer(lambda _: b"\xfa\x45" + noise.randbytes(6) + b"\xfa\xc5\x20" + noise.randbytes(2), b"\n")
    assert ask_port(peer.address, PROBES, clock, limit_s=0.6).answered is None


def test_a_known_multimeter_is_not_asked_whether_it_is_a_pump(clock: RealClock, tcp_peer: MakeTcp) -> None:
    peer = tcp_peer(lambda command: b"Keysight Technologies,34465A,MY1,A.03\n" if command == b"*IDN?" else None, b"\n")
    found = ask_visa(peer.visa_address, PROBES, clock).answered
    assert found is not None
    assert found.driver == "scpi_dmm"
    assert peer.received == [b"*IDN?"]


def test_a_silent_port_is_asked_for_no_longer_than_the_limit(clock: RealClock, pty_peer: MakePty) -> None:
    many = {"x": tuple(Probe(b"Q%d\n" % number, rb"never") for number in range(500))}
    peer = pty_peer(silent, b"\n")
    outcome = ask_port(peer.address, many, clock, limit_s=0.3)
    assert (outcome.answered, outcome.not_asked) == (None, ())
    assert outcome.whole_s > 20.0
    asked = [command for command in peer.received if command.startswith(b"Q")]
    assert 1 <= len(asked) <= 0.3 / 0.04 + 1


def test_endless_noise_is_no_answer_and_no_end(clock: RealClock, pty_peer: MakePty) -> None:
    peer = pty_peer(lambda _: b"\xff" * 100_000, b"\n")
    assert ask_port(peer.address, {"x": (Probe(b"Q\n", rb"never"),)}, clock, limit_s=0.3).answered is None


@pytest.mark.parametrize(("relays", "driver"), [(b"0f\n\r", "numato_relay"), (b"", "numato_gpio")])
def test_an_adapter_that_is_an_instrument_s_own_is_asked_its_question_first(
    relays: bytes, driver: str, clock: RealClock, pty_peer: MakePty
) -> None:
    said = {b"id get": b"id get\n\r12345678\n\r>", b"relay readall": b"relay readall\n\r" + relays + b">"}
    peer = pty_peer(lambda command: said.get(command, b"\n\r>"), b"\r")
    found = ask_port(peer.address, PROBES, clock, usb=(0x2A19, 0x0C01)).answered
    assert found is not None
    assert (found.driver, found.said) == (driver, {"serial": "12345678"})
    assert {command for command in peer.received if command.strip()} == {b"id get", b"relay readall"}


def test_a_port_that_is_not_there_or_in_use_says_so(clock: RealClock, pty_peer: MakePty) -> None:
    with pytest.raises(PortError, match="No such file"):
        ask_port("/dev/serial/by-id/none", PROBES, clock)
    with pytest.raises(PortError, match="cannot be opened"):
        ask_visa("TCPIP0::not a host::SOCKET", PROBES, clock)


def test_models_are_found_in_the_identity() -> None:
    probe = scpi_probe(rb"344\d\d")
    assert re.search(probe.answer, b'"Agilent Technologies","34410A",MY7,2.35\r\n')
    assert not re.search(probe.answer, b"Acme,Pump 3,34410A,2.1\n")


@pytest.mark.parametrize(
    ("name", "answer", "said"),
    [
        ("sartorius_sbi", b"Model   MSE225S-000-DU\r\n", {"model": b"MSE225S-000-DU"}),
        ("sartorius_sbi", b"  ENTRIS2241-1S     \r\n", {"model": b"ENTRIS2241-1S"}),
        ("and_standard", b"US,+0001.234  g\r\nSN,T0012345\r\n", {"serial": b"T0012345"}),
        ("ohaus", b"       192.21 g ?\r\nB123456789\r\n", {"serial": b"B123456789"}),
        ("radwag", b'NB A "1234567"\r\n', {"serial": b"1234567"}),
        ("new_era", b"\x0200SNE1000X2V3.61\x03", {"model": b"NE1000X2", "firmware": b"3.61"}),
        ("alaris_asena", b"!INST_SERIALNO^8002-51740|050B\r", {"serial": b"8002-51740"}),
    ],
)
def test_answers_are_known_as_instruments_give_them(name: str, answer: bytes, said: dict[str, bytes]) -> None:
    [probe] = PROBES[name]
    found = re.search(probe.answer, answer, re.DOTALL)
    assert found is not None
    assert found.groupdict() == said


@pytest.mark.parametrize(
    "answer",
    [
        *(
            b"ES\r\n",
            b"OK!\r\n",
            b"EC,E01\r\n",
            b"N     +  12.3456 g  \r\n",
            b"+  12.3456 g  \r\n",
            b"ST,+0001.234  g\r\n",
        ),
        *(
            b"S S     100.00 g\r\n",
            b"SI ?       0.2 g  \r\n",
            b"Stat       High     \r\n",
            b"\nCommand error:\r\n   Unknown\r\n:",
        ),
        *(
            b"\x0200S?\x03",
            b"\x0200A?R\x03",
            b"unknown command\r\n>",
            b"VER\r\n",
            b"?SN\r\n",
            b"\x1bx1_\r\n",
            b"PSN\r\n",
            b"NB\r\n",
        ),
        b"!INST_SERIALNO|457D\r",
    ],
)
def test_weights_refusals_and_echoes_are_no_identity(answer: bytes) -> None:
    assert [name for name, own in PROBES.items() for each in own if re.search(each.answer, answer, re.DOTALL)] == []
