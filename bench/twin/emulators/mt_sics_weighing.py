"""How an MT-SICS balance is asked for weights: every command that begins with S (manual 11781363, pp.202-223).

All are answered with id `S`, but for `SIS`; those that end with U are in the unit of the display. Whichever asks for a
weight, or starts another stream, ends a running stream.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

from bench.twin.emulators.mt_sics_pan import Pan, Scale
from bench.twin.emulators.mt_sics_settings import Settings
from bench.twin.emulators.mt_sics_units import Writer, mass_g
from bench.twin.emulators.mt_sics_waiting import Waiting, limit_s

_SHARE_OF_CHANGE = 0.125
_LEAST_DIGITS_OF_CHANGE = 30

Reply = Callable[[str, float], None]
"""Answers with a line, without its end."""


class _Changes(NamedTuple):
    """What `SR` and `SNR` keep: the last weight reported, and since when the pan has moved."""

    command: str
    preset_g: float | None
    last_g: float
    moving_since_s: float | None = None


class Weighing:
    """The commands by name; each takes its parameters and the time and answers by itself, now or later.

    Args:
        scale: the balance's physics.
        pan: its zero and tare.
        settings: units and time-out.
        waiting: where a command waits for a stable pan.
        reply: answers with a line.
        stream: sends a line of a stream, whole and at its instant.

    """

    def __init__(
        self,
        scale: Scale,
        pan: Pan,
        settings: Settings,
        waiting: Waiting,
        reply: Reply,
        stream: Callable[[bytes, float], None],
    ) -> None:
        self._scale = scale
        self._pan = pan
        self._settings = settings
        self._waiting = waiting
        self._reply = reply
        self._send = stream
        self._streaming = ""
        self._changes: _Changes | None = None
        self.print_wanted = False
        """Whether the print key was pressed and its line is still to come."""
        self.commands: dict[str, Callable[[list[str], float], None]] = {
            **{name: functools.partial(self._stable, name) for name in ("S", "SU")},
            **{name: functools.partial(self._now, name) for name in ("SI", "SIU")},
            **{name: functools.partial(self._stream, name) for name in ("SIR", "SIRU")},
            **{name: functools.partial(self._on_change, name) for name in ("SR", "SRU", "SNR", "SNRU")},
            "SC": self._sc,
            "SIS": self._sis,
        }

    # -- what goes on

    @property
    def needs_outputs(self) -> bool:
        """Whether anything is to be done at the next output instant."""
        return bool(self._streaming) or self._changes is not None or self.print_wanted

    def cancel(self) -> None:
        """End everything that repeats."""
        self._end_streams()
        self.print_wanted = False

    def tell_busy(self, time_s: float) -> None:
        """Tell a host that has a stream running that there is no weight now."""
        if self._streaming:
            self._send(b"S I\r\n", time_s)

    def put_out(self, indication_g: float, stable: bool, time_s: float) -> None:
        """Send what one new weight calls for."""
        if self._streaming:
            writer = self._settings.host if self._streaming == "SIR" else self._settings.display
            self._send(self._line(writer, indication_g, stable), time_s)
        if self._changes is not None:
            self._changes = self._report_change(self._changes, indication_g, stable, time_s)
        if self.print_wanted and (stable or self._pan.beyond(indication_g)):
            self.print_wanted = False
            self._weight(self._settings.display, indication_g, stable, time_s)

    def _end_streams(self) -> None:
        self._streaming = ""
        self._changes = None

    def _writer(self, command: str) -> Writer:
        return self._settings.display if command.endswith("U") else self._settings.host

    def _line(self, writer: Writer, indication_g: float, stable: bool) -> bytes:
        if beyond := self._pan.beyond(indication_g):
            return f"S {beyond}\r\n".encode()
        return writer.line(self._pan.net_g(indication_g), stable)

    def _weight(self, writer: Writer, indication_g: float, stable: bool, time_s: float) -> None:
        self._reply(self._line(writer, indication_g, stable)[:-2].decode("latin-1"), time_s)

    def _refused(self, wrong: object, time_s: float) -> bool:
        if wrong:
            self._reply("S L", time_s)
        return bool(wrong)

    # -- one weight

    def _stable(self, command: str, parameters: list[str], time_s: float) -> None:
        if self._refused(parameters, time_s):
            return
        self._end_streams()

        def end(indication_g: float, settled: bool, t: float) -> None:
            if settled:
                self._weight(self._writer(command), indication_g, True, t)
            else:
                self._reply("S I", t)

        self._waiting.begin(time_s, self._settings.timeout_s, end)

    def _now(self, command: str, parameters: list[str], time_s: float) -> None:
        if self._refused(parameters, time_s):
            return
        self._end_streams()
        stable = self._scale.stable(time_s)
        self._weight(self._writer(command), self._scale.indication_g(time_s), stable, time_s)

    def _sc(self, parameters: list[str], time_s: float) -> None:
        timeout_s = limit_s(parameters, 0)
        if self._refused(timeout_s is None, time_s) or timeout_s is None:
            return
        self._end_streams()

        def end(indication_g: float, settled: bool, t: float) -> None:
            self._weight(self._settings.host, indication_g, settled, t)

        self._waiting.begin(time_s, timeout_s, end)

    def _sis(self, parameters: list[str], time_s: float) -> None:
        """Tell net weight, unit, decimals, step, approval (none) and kind of tare; out of range that, and no weight."""
        if self._refused(parameters, time_s):
            return
        indication_g = self._scale.indication_g(time_s)
        if beyond := self._pan.beyond(indication_g):
            self._reply(f'SIS A {4 if beyond == "+" else 5} ""', time_s)
            return
        host, pan = self._settings.host, self._pan
        step = max(1, round(self._scale.readability_g * 10.0**host.places)) if host.unit.name == "g" else 1
        tare = 0 if pan.tare_g == 0.0 else 2 if pan.tare_was_preset else 1
        state = 0 if self._scale.stable(time_s) else 1
        text = host.text(pan.net_g(indication_g))
        self._reply(f'SIS A {state} "{text}" {host.unit.number} {host.places} {step} 0 {tare}', time_s)

    # -- many weights

    def _stream(self, command: str, parameters: list[str], time_s: float) -> None:
        if not self._refused(parameters, time_s):
            self._end_streams()
            self._streaming = command

    def _on_change(self, command: str, parameters: list[str], time_s: float) -> None:
        preset_g = mass_g(parameters) if parameters else None
        wrong = preset_g is None or not self._scale.readability_g <= preset_g <= self._pan.maximum_g
        if self._refused(parameters and wrong, time_s):
            return
        self._end_streams()

        def end(indication_g: float, settled: bool, t: float) -> None:
            if not settled:
                self._reply("S I", t)
                return
            self._weight(self._writer(command), indication_g, True, t)
            self._changes = _Changes(command, preset_g, indication_g)

        self._waiting.begin(time_s, self._settings.timeout_s, end)

    def _report_change(self, changes: _Changes, indication_g: float, stable: bool, time_s: float) -> _Changes:
        """Send what `SR` or `SNR` has to say of one new weight; return what it keeps for the next."""
        writer = self._writer(changes.command)
        tells_all = changes.command.startswith("SR")
        if changes.moving_since_s is None:
            if abs(indication_g - changes.last_g) < self._deflection_g(changes):
                return changes
            if tells_all:
                self._weight(writer, indication_g, False, time_s)
            return changes._replace(moving_since_s=time_s)
        if stable:
            self._weight(writer, indication_g, True, time_s)
            return changes._replace(last_g=indication_g, moving_since_s=None)
        if tells_all and time_s >= changes.moving_since_s + self._settings.timeout_s:
            self._reply("S I", time_s)
            self._weight(writer, indication_g, False, time_s)
            return changes._replace(moving_since_s=time_s)
        return changes

    def _deflection_g(self, changes: _Changes) -> float:
        """Return the change that is told, by what was asked or by the manual's rules (pp.214, 218)."""
        readability_g = self._scale.readability_g
        if changes.preset_g is not None:
            return changes.preset_g
        if changes.command.startswith("SR"):
            share_g = _SHARE_OF_CHANGE * abs(self._pan.net_g(changes.last_g))
            return max(share_g, _LEAST_DIGITS_OF_CHANGE * readability_g)
        if readability_g < 0.0005:
            return 1000.0 * readability_g
        return 1.0 if readability_g < 0.5 else 5.0
