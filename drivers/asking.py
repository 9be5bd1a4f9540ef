"""Asking who is at a port, without disturbing anybody: the questions that drivers declare (`drivers/probe.py`).

Whoever answers ends it. At one line setting the questions follow one another closely as long as it is silent there;
as soon as something speaks, each is asked by itself, and so are all others that are asked at that setting, since
commands that come while a balance answers may be lost. What is nothing but an echo, as some RS-485 adapters give, is no
speech: the answer is looked for behind it. A question of each driver at its instruments' usual setting comes before the
second of any; when all have been asked and time is left, they are asked again with more patience.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import serial

from bench.clock import Clock
from drivers.link import SerialLine, is_visa
from drivers.port_talk import FRAME_PAUSE_S, LINE_END, PAUSE_S, POLL_S, Talk, on_line_s
from drivers.probe import SCPI_IDENTITY, SCPI_QUESTION, Probe, Probes, is_frame, said

LIMIT_S = 1.0
"""For how long a port is asked: no question begins after it."""
WAIT_S = 0.095
"""How long the first byte of an answer may take, beside the time on the line; an adapter may hold it back for 16 ms."""
PATIENT_S = 0.4
"""The same where all have been asked once."""
_SPACING_S = 0.035
"""Between two questions at a line that is silent."""
_QUIET_S = 0.06
_TERMINAL_QUIET_S = 0.03
_PRINTED = bytes(range(0x21, 0x7F))
_TEXT = b"\x02\x03\x06\x11\x13\x1b\t\r\n " + _PRINTED


@dataclass(frozen=True, slots=True)
class Answered:
    """What answered: whose probe matched (None: nobody's), who it says that it is, and how the line was set.

    `said` may have `maker`, `model`, `serial` and `firmware`, and `alarm`: one that was told by the way. `is_echo`:
    what came is what was sent, and nothing else.
    """

    driver: str | None
    probe: Probe | None
    said: dict[str, str]
    seen: bytes
    line: SerialLine
    took_s: float
    is_echo: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking at one place.

    Args:
        answered: who answered; None if nobody did.
        not_asked: drivers none of whose questions was asked, for want of time.
        whole_s: how long it takes where nobody answers to ask everything at every setting; 0 where that was done.

    """

    answered: Answered | None = None
    not_asked: tuple[str, ...] = ()
    whole_s: float = 0.0


class PortError(Exception):
    """A port cannot be opened or was lost; the text says why."""


class _Volley(NamedTuple):
    """Questions that are asked at one line setting; `others` are those that are asked if something speaks there."""

    line: SerialLine
    sends: tuple[bytes, ...]
    others: tuple[bytes, ...]

    def takes_s(self, wait_s: float) -> float:
        """Return how long it takes where nobody answers."""
        sends = self.sends
        apart = sum(PAUSE_S for before in sends[:-1] if not before.endswith(LINE_END))
        # Between two questions it is silent long enough, unless a line must be ended before a frame.
        before_each = zip((b"", *sends), sends, strict=False)
        apart += sum(FRAME_PAUSE_S for before, send in before_each if is_frame(send) and not before.endswith(LINE_END))
        return PAUSE_S + apart + (len(sends) - 1) * _SPACING_S + wait_s + on_line_s(b"".join(sends), self.line)


def ask_port(
    address: str,
    probes: Probes,
    clock: Clock,
    *,
    limit_s: float = LIMIT_S,
    usb: tuple[int | None, int | None] = (None, None),
) -> Asked:
    """Ask what is at a device path or a pyserial URL.

    Raises:
        PortError: it cannot be opened, or was lost meanwhile.

    """
    able = {name: [each for each in own if each.may_be_at(*usb)] for name, own in probes.items()}
    able = {name: own for name, own in able.items() if own}
    has_line = _has_line(address)
    plan = list(_plan(able, usb, has_line=has_line))
    try:
        with serial.serial_for_url(address, timeout=POLL_S, **_exclusively(address)) as port:
            talk = Talk(port, clock, limit_s, _TERMINAL_QUIET_S if _is_terminal(address) else _QUIET_S)
            answered = _Asking(talk, able, usual_line=not has_line).run(plan)
            talk.leave(answered.probe.questions if answered is not None and answered.probe is not None else ())
    except (serial.SerialException, OSError, ValueError, KeyError) as error:
        raise PortError(str(error)) from error
    if answered is not None and answered.driver is not None:
        return Asked(answered)
    left = [volley for volley in plan if not {(volley.line, send) for send in volley.sends} <= talk.asked]
    not_asked = tuple(
        name
        for name, own in able.items()
        if not any(
            send == each.send and (line in each.lines or not has_line) for each in own for line, send in talk.asked
        )
    )
    return Asked(answered, not_asked, sum(volley.takes_s(WAIT_S) for volley in plan) if left else 0.0)


def ask_visa(
    resource: str, probes: Probes, clock: Clock, *, visa_library: str = "@py", limit_s: float = LIMIT_S
) -> Asked:
    """Ask what is at a VISA resource.

    Raises:
        PortError: it cannot be opened, or was lost meanwhile.

    """
    from drivers.errors import LinkError
    from drivers.link import open_visa

    try:
        link = open_visa(resource, clock, instrument="something", visa_library=visa_library)
    except LinkError as error:
        raise PortError(error.problem) from error
    end_s = clock.now_s() + limit_s
    able = {name: [each for each in own if each.over_visa] for name, own in probes.items()}
    questions = list(dict.fromkeys(each.send for own in able.values() for each in own))

    def exchange(send: bytes, deadline_s: float = end_s) -> bytes:
        link.write(send)
        line = link.read_line(deadline_s)
        return b"" if line is None else line.data + b"\n"

    try:
        for number, send in enumerate(questions):
            began_s = clock.now_s()
            seen = exchange(send, began_s + (end_s - began_s) / (len(questions) - number))
            found = _known(seen, [send], SerialLine(), able, exchange, clock.now_s() - began_s)
            if found is not None:
                return Asked(found)
        return Asked()
    except LinkError as error:
        raise PortError(error.problem) from error
    finally:
        link.close()


def _exclusively(address: str) -> dict[str, Any]:
    return {} if "://" in address or is_visa(address) else {"exclusive": True}


def _is_terminal(address: str) -> bool:
    """Return whether an address is a pseudo-terminal."""
    return "://" not in address and str(Path(address).resolve()).startswith("/dev/pts/")


def _has_line(address: str) -> bool:
    """Return whether the line of an address can be set at all."""
    return not (address.startswith("socket://") or _is_terminal(address))


# -- what is asked, and when


def _plan(probes: Probes, usb: tuple[int | None, int | None], *, has_line: bool) -> Iterator[_Volley]:
    """Yield line settings with the questions to be asked at them: those of a USB device's own driver first."""
    every = [(number, each) for own in probes.values() for number, each in enumerate(own)]
    if not has_line:
        every = [(0, replace(each, lines=(SerialLine(),))) for _, each in every]
    first = [(number, each) for number, each in every if each.fits_usb(*usb)]
    asked: set[tuple[SerialLine, bytes]] = set()
    for row in (first, every):
        # The likeliest setting of each before the second likeliest of any; then as few changes of the line as may be.
        usual = [(each.lines[0], each.send) for number, each in row if number == 0]
        ranked = [(number + rank, line, each.send) for number, each in row for rank, line in enumerate(each.lines)]
        rest = [(line, send) for _, line, send in sorted(ranked, key=lambda place: place[0])]
        for volleys in (_by_quickness(_by_line(usual)), _by_line(rest)):
            for line, sends in volleys.items():
                if new := [send for send in sends if (line, send) not in asked]:
                    asked.update((line, send) for send in new)
                    yield _Volley(line, _in_order(new), _in_order(each.send for _, each in every if line in each.lines))


def _by_line(questions: Iterable[tuple[SerialLine, bytes]]) -> dict[SerialLine, list[bytes]]:
    sends: dict[SerialLine, list[bytes]] = {}
    for line, send in questions:
        sends.setdefault(line, []).append(send)
    return sends


def _by_quickness(volleys: dict[SerialLine, list[bytes]]) -> dict[SerialLine, list[bytes]]:
    """Return line settings in an order by which most is asked soonest."""
    return dict(sorted(volleys.items(), key=lambda pair: (-len(set(pair[1])), -pair[0].baudrate)))


def _in_order(sends: Iterable[bytes]) -> tuple[bytes, ...]:
    """Return questions, each once; those first after which nothing need be ended before another one, then frames."""
    return tuple(sorted(dict.fromkeys(sends), key=lambda send: (not send.endswith(LINE_END), not is_frame(send))))


class _Asking:
    """Asks what is planned until a driver knows who answers."""

    def __init__(self, talk: Talk, probes: Probes, *, usual_line: bool) -> None:
        self._talk = talk
        self._probes = probes
        self._usual_line = usual_line

    def run(self, plan: list[_Volley]) -> Answered | None:
        """Return who answered: whom a driver knows, else whoever told its identity, else whatever spoke."""
        stranger: Answered | None = None
        for wait_s in (WAIT_S, PATIENT_S):
            for volley in plan:
                found = self._ask_at(volley, wait_s)
                if found is not None and found.driver is not None:
                    return self._finished(found)
                if found is not None and (stranger is None or _tells(found) > _tells(stranger)):
                    stranger = found
        return stranger

    def _ask_at(self, volley: _Volley, wait_s: float) -> Answered | None:
        talk = self._talk
        if talk.is_over:
            return None
        seen, found, sent = talk.set_line(volley.line), None, 0
        while sent < len(volley.sends) and not (talk.is_over or self._speaks(seen)):
            began_s = talk.now_s()
            sent += 1
            seen += talk.ask(volley.sends[sent - 1], wait_s if sent == len(volley.sends) else _SPACING_S)
            found = self._look(seen, volley.sends[:sent], volley.line, began_s)
            if found is not None and found.driver is not None:
                return found
        if not self._speaks(seen):
            is_echo = bool(seen.strip()) and talk.is_echo(seen)
            return Answered(None, None, {}, seen, volley.line, 0.0, is_echo=True) if is_echo else found
        # What was asked last is likeliest to have been answered; whoever speaks text is unlikely to have frames.
        likeliest = (*reversed(volley.sends[:sent]), *volley.sends[sent:], *volley.others)
        return self._ask_each(sorted(dict.fromkeys(likeliest), key=is_frame), volley.line, wait_s, found)

    def _speaks(self, seen: bytes) -> bool:
        return _is_text(seen) and not self._talk.is_echo(seen)

    def _ask_each(
        self, sends: Iterable[bytes], line: SerialLine, wait_s: float, spoke: Answered | None
    ) -> Answered | None:
        """Ask one question after the other where something speaks, which nobody knows yet (`spoke`)."""
        talk = self._talk
        for send in sends:
            if talk.is_over:
                break
            began_s = talk.now_s()
            seen = talk.ask(send, wait_s, alone=True)
            if (found := self._look(seen, [send], line, began_s)) is not None:
                if found.driver is not None:
                    return found
                spoke = found
            elif spoke is None and _is_text(seen) and not send.startswith(seen):
                spoke = Answered(None, None, {}, seen, line, talk.now_s() - began_s)
        return spoke

    def _look(self, seen: bytes, sends: Iterable[bytes], line: SerialLine, began_s: float) -> Answered | None:
        talk = self._talk
        exchange = lambda send: talk.ask(send, PATIENT_S, alone=True)  # noqa: E731
        return _known(seen, list(sends), line, self._probes, exchange, talk.now_s() - began_s)

    def _finished(self, found: Answered) -> Answered:
        """Add the alarm that was told, and the line setting where none could be set."""
        probe = found.probe
        if probe is None:
            return found
        who = dict(found.said)
        if probe.alarm is not None and (match := re.search(probe.alarm, self._talk.heard)) is not None:
            who["alarm"] = match["alarm"].decode("latin-1")
        return replace(found, said=who, line=probe.lines[0] if self._usual_line else found.line)


def _tells(answered: Answered) -> int:
    """Return how much a stranger tells: who it is, anything at all, or only what it was told."""
    return 2 if answered.said else int(not answered.is_echo)


def _is_text(seen: bytes) -> bool:
    """Return whether what came is text and no noise, as of another baud rate or parity."""
    return not seen.translate(None, _TEXT) and seen.translate(None, _PRINTED) != seen


def _known(
    seen: bytes,
    sends: list[bytes],
    line: SerialLine,
    probes: Probes,
    exchange: Callable[[bytes], bytes],
    took_s: float,
) -> Answered | None:
    """Return whose answer was seen: who needs no confirmation first, then those that do; nobody's as such."""
    if not seen:
        return None
    matching = [
        (name, each, answer, who)
        for name, own in probes.items()
        for each in own
        if each.send in sends
        for answer, who in filter(None, [each.find(seen)])
    ]
    for name, each, answer, who in sorted(matching, key=lambda found: found[1].confirm is not None):
        if each.confirm is not None:
            confirmed = re.search(each.confirm[1], exchange(each.confirm[0]), re.DOTALL)
            if confirmed is None or confirmed[0].strip() == answer.strip():
                continue  # it answers whatever it is asked
            who |= said(confirmed)
        for question, expression in each.details:
            told = re.search(expression, exchange(question), re.DOTALL)
            who |= said(told) if told is not None else {}
        return Answered(name, each, who, seen, line, took_s)
    identity = re.search(SCPI_IDENTITY, seen) if SCPI_QUESTION in sends else None
    return Answered(None, None, said(identity), seen, line, took_s) if identity is not None else None
