"""The relay driver against the module's framing: echo, LF CR, value, prompt."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from bench.clock import RealClock
from drivers import numato
from drivers.errors import GarbledReplyError, NoReplyError, ReadBackError
from drivers.occluder.numato_relay import NumatoRelay, Options, open_relay
from drivers.roles import Identity
from tests.drivers.peers import Answer, PtyPeer, Script

WAKE = (b"", b"\n\r>")
VERSION = (b"ver", b"ver\n\r00000008\n\r>")
MakePty = Callable[[Answer, bytes], PtyPeer]


@pytest.fixture(autouse=True)
def _short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numato, "TIMEOUT_S", 0.4)
    monkeypatch.setattr(numato, "WAKE_S", 0.1)


def open_at(answer: Answer, make: MakePty, clock: RealClock, **options: Any) -> NumatoRelay:
    return open_relay(make(answer, b"\r").address, Options.model_validate(options), clock)


@pytest.mark.parametrize(("closed_when", "shut", "opened"), [("energised", b"on", b"off"), ("released", b"off", b"on")])
def test_shutting_and_opening_are_read_back(
    closed_when: str, shut: bytes, opened: bytes, pty_peer: MakePty, clock: RealClock
) -> None:
    def read(state: bytes) -> tuple[bytes, bytes]:
        return b"relay read 2", b"relay read 2\n\r" + state + b"\n\r>"

    def switch(state: bytes) -> tuple[bytes, bytes]:
        return b"relay " + state + b" 2", b"relay " + state + b" 2\n\r>"

    script = Script(
        [
            *(WAKE, VERSION, switch(shut), read(shut), read(shut), switch(opened), read(opened), read(opened)),
            (b"id get", b"id get\n\rBENCH-03\n\r>"),
        ]
    )
    relay = open_at(script, pty_peer, clock, channel=2, closed_when=closed_when)
    relay.occlude()
    assert relay.is_occluded()
    relay.release()
    assert not relay.is_occluded()
    assert relay.identify() == Identity("Numato Lab", "relay module", "BENCH-03", "00000008")
    relay.close()
    script.check()


ON = [(b"relay on 0", b"relay on 0\n\r>"), (b"relay read 0", b"relay read 0\n\ron\n\r>")]


def told(command: str, *values: str) -> list[tuple[bytes, bytes | None]]:
    sent = command.encode()
    return [(sent, sent + b"\n\r" + value.encode() + b"\n\r>") for value in values]


@pytest.mark.parametrize(
    ("feedback", "command", "opened", "shut"),
    [
        ({"pin": 3}, "gpio read 3", "0", "1"),
        ({"pin": 3, "shut_when": "low"}, "gpio read 3", "1", "0"),
        ({"pin": 1, "input": "adc"}, "adc read 1", "511", "512"),
        ({"pin": 1, "input": "adc", "threshold": 900, "shut_when": "low"}, "adc read 1", "900", "0899"),
    ],
)
def test_a_contact_at_the_valve_is_asked_until_it_has_moved(
    feedback: dict[str, Any], command: str, opened: str, shut: str, pty_peer: MakePty, clock: RealClock
) -> None:
    asked = told(command, opened, opened, opened, shut, shut)
    script = Script([WAKE, VERSION, asked[0], *ON, *asked[1:]])
    relay = open_at(script, pty_peer, clock, feedback=feedback)
    assert relay.moved_between_s() is None
    begun_s = clock.now_s()
    relay.occlude()
    moved_s = relay.moved_between_s()
    assert moved_s is not None
    assert begun_s < moved_s[0] < moved_s[1] <= clock.now_s()
    assert relay.is_occluded()
    relay.close()
    script.check()


def test_a_valve_that_had_moved_when_it_was_first_asked(pty_peer: MakePty, clock: RealClock) -> None:
    script = Script([WAKE, VERSION, *told("gpio read 3", "0"), *ON, *told("gpio read 3", "1")])
    relay = open_at(script, pty_peer, clock, feedback={"pin": 3})
    relay.occlude()
    moved_s = relay.moved_between_s()
    assert moved_s is not None
    assert moved_s[0] == -math.inf
    relay.close()


def test_a_valve_whose_contact_never_tells_is_found_out(pty_peer: MakePty, clock: RealClock) -> None:
    replies = dict([WAKE, VERSION, *ON, *told("gpio read 3", "0")])
    relay = open_at(replies.get, pty_peer, clock, feedback={"pin": 3, "timeout": "100 ms"})
    with pytest.raises(
        ReadBackError, match=r"within 100 ms the contact at the valve does not say that the line is shut"
    ):
        relay.occlude()
    assert relay.moved_between_s() is None
    relay.close()


@pytest.mark.parametrize("value", ["2", "x", "-1"])
def test_an_input_that_reads_nonsense(value: str, pty_peer: MakePty, clock: RealClock) -> None:
    with pytest.raises(GarbledReplyError, match="told no input"):
        open_at(Script([WAKE, VERSION, *told("gpio read 3", value)]), pty_peer, clock, feedback={"pin": 3})
    with pytest.raises(GarbledReplyError, match="told no input"):
        open_at(
            Script([WAKE, VERSION, *told("adc read 3", "1024")]), pty_peer, clock, feedback={"pin": 3, "input": "adc"}
        )


def test_what_the_module_says_unasked_is_passed_over(pty_peer: MakePty, clock: RealClock) -> None:
    script = Script([WAKE, VERSION, (b"relay read 0", b"# 0001 0000 FFFF\n\rrelay read 0\n\roff\n\r>")])
    relay = open_at(script, pty_peer, clock)
    assert not relay.is_occluded()
    relay.close()


def test_a_module_that_modem_managers_have_typed_at(pty_peer: MakePty, clock: RealClock) -> None:
    script = Script([(b"", b"AT+GMI\n\rCommand not found\n\r>"), VERSION])
    open_at(script, pty_peer, clock).close()
    script.check()


def test_a_valve_that_does_not_obey(pty_peer: MakePty, clock: RealClock) -> None:
    replies = [(b"relay on 0", b"relay on 0\n\r>"), (b"relay read 0", b"relay read 0\n\roff\n\r>")]
    relay = open_at(Script([WAKE, VERSION, *replies]), pty_peer, clock)
    with pytest.raises(ReadBackError, match="relay 0 reads 'off' after being set 'on'"):
        relay.occlude()
    relay.close()


@pytest.mark.parametrize(
    ("reply", "error", "says"),
    [
        (None, NoReplyError, "no answer within 0.4 s"),
        (b"\x81\x82", GarbledReplyError, "did not echo"),
        (b"relay read 1\n\ron\n\r>", GarbledReplyError, "did not echo"),
        (b"relay read 0\n\rmaybe\n\r>", GarbledReplyError, "told no relay state"),
        (b"relay read 0\n\r>", GarbledReplyError, "told not one value"),
        (b"\x81" * 70000, GarbledReplyError, "bytes came without"),
    ],
)
def test_what_is_no_answer(
    reply: bytes | None, error: type[Exception], says: str, pty_peer: MakePty, clock: RealClock
) -> None:
    relay = open_at(Script([WAKE, VERSION, (b"relay read 0", reply)]), pty_peer, clock)
    with pytest.raises(error, match=says):
        relay.is_occluded()
    relay.close()


def test_silence_at_opening(pty_peer: MakePty, clock: RealClock) -> None:
    with pytest.raises(NoReplyError, match=r"sent b'ver.*; saw nothing. Is it plugged in"):
        open_at(lambda _: None, pty_peer, clock)
