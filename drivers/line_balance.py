"""What drivers of balances have in common that send each weight as a line: turns, streams, getting back in step.

Few of these protocols number or name their replies. So whatever has arrived is discarded before a request, and after
an exchange that did not end well the driver first passes over all that is still on its way: it asks for something whose
answer is told from all others, each time for something else, lest that of the last time is taken for it.
"""

from __future__ import annotations

import abc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from drivers.errors import GarbledReplyError, InstrumentError, NoReplyError, RefusedError
from drivers.link import Line, Link
from drivers.mass_units import Weight
from drivers.roles import Reading

REPLY_TIMEOUT_S = 3.0
_STREAM_REPLY_TIMEOUT_S = 1.0
_SETTLING_POLL_S = 0.2
_PASSING_LIMIT_S = 1.0
_REST_LIMIT_S = 10.0
"""How long a pan may be at rest and show a load before a tare or zero counts as refused."""
_ZERO_DIGITS = 20
"""What a pan at rest may show of the last digit after it was tared: it is not quite still when it is called stable."""

ADVICE_REST = "Shield it from draughts and vibration, or wait until nothing flows."


class LineBalance(abc.ABC):
    """A balance whose weights are lines.

    Opening gets in step with it, which also ends a stream that an earlier host left.

    Args:
        link: where it is.
        stable_timeout_s: how long to wait for a stable pan.
        poll_rate_hz: how often a stream asks; None for a balance that streams by itself.

    Raises:
        NoReplyError: nothing answers as a balance does.
        GarbledReplyError: something answers, but not in its protocol.

    """

    advice_silence: str
    """What to look at when nothing comes, or nothing that can be read."""
    ends_stream = b""
    """The command that ends a stream; nothing for a balance that cannot be told to."""

    def __init__(self, link: Link, stable_timeout_s: float, poll_rate_hz: float | None = None) -> None:
        self._link = link
        self._clock = link.clock
        self._stable_timeout_s = stable_timeout_s
        self._poll_interval_s = None if poll_rate_hz is None else 1.0 / poll_rate_hz
        self._due_s = 0.0
        self._wants_stream = False
        self._streams = False
        self._in_step = False
        with link.turn:
            self._halt()

    # -- each protocol's own, in the caller's turn

    @abc.abstractmethod
    def _get_in_step(self) -> None:
        """End a stream, and pass over whatever is still on its way."""

    @abc.abstractmethod
    def _ask(self, timeout_s: float) -> tuple[Line, Weight]:
        """Ask for the weight now, stable or not."""

    @abc.abstractmethod
    def _parse(self, line: bytes) -> Weight | None:
        """Read a line of the stream; None if it is no weight of the pan."""

    @abc.abstractmethod
    def _explain(self, sent: bytes | None, line: Line) -> NoReturn:
        """Raise what is to be said of a line that is no weight."""

    @abc.abstractmethod
    def _begin_stream(self) -> None:
        """Start a stream."""

    def _says_nothing(self, line: bytes) -> bool:
        """Tell whether a line is to be passed over wherever it comes."""
        return not line.strip()

    # -- one reading

    def read(self) -> Reading:
        """Read the pan now, stable or not, in g; the next line of a running stream."""
        if self._wants_stream and self._poll_interval_s is None:
            return self._read_from_stream(stable=False, timeout_s=REPLY_TIMEOUT_S)
        with self._exchange():
            return reading_of(*self._ask(REPLY_TIMEOUT_S))

    def read_stable(self) -> Reading:
        """Read the pan once it is stable, in g.

        Raises:
            RefusedError: the pan does not come to rest in time.

        """
        if self._wants_stream and self._poll_interval_s is None:
            return self._read_from_stream(stable=True, timeout_s=self._stable_timeout_s)
        deadline_s = self._clock.now_s() + self._stable_timeout_s
        while True:
            reading = self.read()
            if reading.status == "stable":
                return reading
            if self._clock.now_s() >= deadline_s:
                raise self._restless(reading.text)
            self._clock.sleep_s(_SETTLING_POLL_S)

    # -- the stream

    def start_stream(self) -> None:
        """Start readings without end, stable or not."""
        if self._wants_stream:
            return
        self._wants_stream = True
        self._due_s = self._clock.now_s()
        try:
            with self._exchange():
                pass  # leaving an exchange starts the stream that is wanted
        except BaseException:
            self._wants_stream = False
            raise

    def next_reading(self, deadline_s: float) -> Reading | None:
        """Read the next weight of the stream, in g; None when none has come by `deadline_s`.

        Raises:
            RefusedError: no stream was started, or the balance reports an error.
            GarbledReplyError: a line that is no weight.

        """
        if not self._wants_stream:
            raise RefusedError(self._link.name, "no stream was started")
        if self._poll_interval_s is not None:
            return self._next_asked_for(self._poll_interval_s, deadline_s)
        turn = self._link.turn
        if not turn.take(deadline_s):
            return None
        try:
            if not self._streams:
                self._resume()
            for line in self._lines(deadline_s):
                weight = self._parse(line.data)
                if weight is None:
                    self._explain(None, line)
                return reading_of(line, weight)
            return None
        finally:
            turn.end()

    def stop_stream(self) -> None:
        """Stop the stream and pass over what is left of it."""
        self._wants_stream = False
        if self._streams or not self._in_step:
            with self._link.turn:
                self._halt()

    def close(self) -> None:
        """Stop the stream, if one runs, and release the link."""
        try:
            if self._streams:
                self._wants_stream = self._streams = False
                self._link.write(self.ends_stream)
        except InstrumentError:
            return
        finally:
            self._link.close()

    # -- exchanges

    @contextmanager
    def _exchange(self) -> Iterator[None]:
        """Take the turn for one conversation: halt a stream, get in step, and go on streaming afterwards."""
        with self._link.turn, self._conversation():
            yield

    @contextmanager
    def _conversation(self) -> Iterator[None]:
        if self._streams or not self._in_step:
            self._halt()
        self._in_step = False  # until it has ended well
        try:
            yield
            self._in_step = True
        except RefusedError:
            self._in_step = True
            raise
        finally:
            if self._in_step and self._wants_stream and self._poll_interval_s is None:
                self._resume()

    def _halt(self) -> None:
        self._in_step = self._streams = False
        self._get_in_step()
        self._in_step = True

    def _resume(self) -> None:
        if not self._in_step:
            self._halt()
        self._begin_stream()
        self._streams = True

    def _send(self, sent: bytes) -> None:
        """Send a command; what has arrived before answers none that is to come."""
        self._link.discard_input()
        self._link.write(sent)

    def _lines(self, deadline_s: float) -> Iterator[Line]:
        """Yield the lines that come until `deadline_s`, however many, but for those that say nothing."""
        return (line for line in self._every_line(deadline_s) if not self._says_nothing(line.data))

    def _every_line(self, deadline_s: float) -> Iterator[Line]:
        while (line := self._link.read_line(deadline_s)) is not None:
            yield line
            if self._clock.now_s() >= deadline_s:
                return

    def _pass_whole_lines(self) -> None:
        """Pass over the lines that have arrived, and leave the beginning of the next."""
        now_s = self._clock.now_s()
        while self._link.read_line(now_s) is not None and self._clock.now_s() < now_s + _PASSING_LIMIT_S:
            pass

    def _pass_until_quiet(self, quiet_s: float, limit_s: float, sent: bytes) -> None:
        """Pass over lines until none has come for `quiet_s`.

        Raises:
            GarbledReplyError: it goes on for `limit_s`.

        """
        end_s = self._clock.now_s() + limit_s
        while (line := self._link.read_line(self._clock.now_s() + quiet_s)) is not None:
            if self._clock.now_s() >= end_s:
                raise GarbledReplyError(
                    self._link.name,
                    f"went on sending for {limit_s:g} s after it was told to stop",
                    sent=sent,
                    seen=line.data,
                    advice=self.advice_silence,
                )
        self._link.discard_input()

    def _silence(self, sent: bytes, timeout_s: float, seen: bytes | None = None) -> InstrumentError:
        """Return the error for an answer that has not come; `seen` is what came instead."""
        if unread := self._link.unread:
            return GarbledReplyError(
                self._link.name,
                f"no whole line within {timeout_s:g} s",
                sent=sent,
                seen=unread,
                advice=self.advice_silence,
            )
        return NoReplyError(
            self._link.name,
            f"no answer within {timeout_s:g} s",
            sent=sent,
            seen=seen or b"",
            advice=self.advice_silence,
        )

    def _restless(self, text: str) -> RefusedError:
        return RefusedError(
            self._link.name,
            f"the pan did not come to rest within {self._stable_timeout_s:g} s",
            seen=text.encode("latin-1"),
            advice=ADVICE_REST,
        )

    def _await_zero(self, sent: bytes) -> None:
        """Ask, within an exchange, until the pan is at rest and shows zero, since the balance confirms nothing.

        Raises:
            RefusedError: it does not in time, or shows a load at rest for long.

        """
        clock = self._clock
        deadline_s = clock.now_s() + self._stable_timeout_s
        rests_s: float | None = None
        seen: bytes | None = None
        while clock.now_s() < deadline_s:
            clock.sleep_s(_SETTLING_POLL_S)
            try:
                line, weight = self._ask(REPLY_TIMEOUT_S)
            except NoReplyError:
                continue  # some say nothing while they zero
            seen = line.data
            if weight.status != "stable":
                rests_s = None
            elif abs(weight.value_g) <= _ZERO_DIGITS * weight.digit_g:
                return
            elif rests_s is None:
                rests_s = clock.now_s()
            elif clock.now_s() - rests_s >= _REST_LIMIT_S:
                break
        if seen is None:
            raise self._silence(sent, self._stable_timeout_s)
        raise RefusedError(
            self._link.name,
            "did not do it: the pan does not show zero, or does not come to rest",
            sent=sent,
            seen=seen,
            advice=f"It zeroes only near an empty pan; tare instead. {ADVICE_REST}",
        )

    # -- the stream's ways

    def _next_asked_for(self, interval_s: float, deadline_s: float) -> Reading | None:
        clock, turn = self._clock, self._link.turn
        while True:
            clock.sleep_s(min(self._due_s, deadline_s) - clock.now_s())
            if self._due_s > deadline_s or not turn.take(deadline_s):
                return None
            try:
                now_s = clock.now_s()
                timeout_s = min(_STREAM_REPLY_TIMEOUT_S, deadline_s - now_s)
                if timeout_s <= 0.0:
                    return None
                missed = max(0.0, (now_s - self._due_s) // interval_s)
                self._due_s += (missed + 1.0) * interval_s
                with self._conversation():
                    return reading_of(*self._ask(timeout_s))
            except NoReplyError:
                continue  # asked again until the deadline
            finally:
                turn.end()

    def _read_from_stream(self, *, stable: bool, timeout_s: float) -> Reading:
        deadline_s = self._clock.now_s() + timeout_s
        while (reading := self.next_reading(deadline_s)) is not None:
            if not stable or reading.status == "stable":
                return reading
            if self._clock.now_s() >= deadline_s:
                raise self._restless(reading.text)
        raise NoReplyError(
            self._link.name,
            f"the stream gave nothing for {timeout_s:g} s",
            seen=self._link.unread,
            advice="Is it switched on?",
        )


def reading_of(line: Line, weight: Weight) -> Reading:
    """Return a weight as the role has it."""
    return Reading(line.arrived_s, weight.value_g, weight.status, line.data.decode("latin-1"))
