"""A Mettler Toledo balance as MT-SICS shows it (level 0, most of level 1, what else a delivery test needs of 2 and 3).

Only the real forms of replies: `SI` answers with id `S`, `@` with the `I4` line, lower case and anything not ended by
CR LF is not understood. One command is acted on at a time: while `S`, `Z` or `T` waits for a stable pan, further
commands wait in line; `@` ends the wait. The stream of `SIR` goes on beside other commands.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from bench.twin.port import REPLY_LATENCY_S, LineSettings, Send

MODEL = "TWIN-XPR simulated"
SOFTWARE = "1.0"
TYPE_NUMBER = "0.0.0.0.1"

_UPDATE_RATES_HZ = (1.0, 2.0, 5.0, 10.0, 20.0, 23.0)
_ZERO_RANGE = 0.02
"""Share of the capacity about the power-on zero within which the balance can be zeroed."""
_UNDERLOAD = 0.05
"""Share of the capacity below zero that still is a weight."""
_CHANGE_SHARE = 0.125
_CHANGE_LEAST_DIVISIONS = 30
_ADJUSTMENT_S = 15.0
_LINE_LIMIT = 256
_QUOTED = re.compile(r'"([^"]*)"$')
_UNITS = {"g": 1.0, "mg": 1e-3}

_LEVELS = {
    0: ("@", "I0", "I1", "I2", "I3", "I4", "I5", "I10", "I11", "S", "SI", "SIR", "Z", "ZI"),
    1: ("D", "DW", "SNR", "SR", "T", "TA", "TAC", "TI"),
    2: ("C3", "SC", "M21", "M28"),
    3: ("UPD",),
}


class Scale(Protocol):
    """What the emulator needs of the balance's physics."""

    readability_g: float
    maximum_g: float
    output_rate_hz: float
    serial: str

    def indication_g(self, time_s: float) -> float:
        """Return the filtered indication at an output instant, unrounded and untared, in g."""

    def stable(self, time_s: float) -> bool:
        """Return whether the balance deems its indication stable."""


class _Pending(NamedTuple):
    """A command that waits for a stable pan, or until `deadline_s`."""

    on_stable: Callable[[float, float], None]
    on_timeout: Callable[[float, float], None]
    deadline_s: float


class MtSicsBalance:
    """The emulator.

    Args:
        send: hands bytes to the host at a due time.
        scale: the balance's physics.
        temperatures_c: the sensors that `M28` reads, at a time.
        stability_timeout_s: how long `S`, `Z` and `T` wait for a stable pan.

    """

    line = LineSettings(9600)

    def __init__(
        self,
        send: Send,
        scale: Scale,
        temperatures_c: Callable[[float], Sequence[float]],
        *,
        stability_timeout_s: float = 20.0,
    ) -> None:
        self._send = send
        self._scale = scale
        self._temperatures_c = temperatures_c
        self._stability_timeout_s = stability_timeout_s
        self._decimals = max(0, math.ceil(-math.log10(scale.readability_g) - 1e-9))
        self._per_g = 1.0 / scale.readability_g
        self._stable_line = f"S S %10.{self._decimals}f g\r\n".encode()
        self._dynamic_line = f"S D %10.{self._decimals}f g\r\n".encode()
        self._received = bytearray()
        self._waiting_lines: deque[str] = deque()
        self._pending: _Pending | None = None
        self._adjusted_s = math.inf
        self._streaming = False
        self._change: _ChangeReport | None = None
        self._zero_g = 0.0
        self._tare_g = 0.0
        self._name = "balance"
        self._rate_hz = scale.output_rate_hz
        self._output = 0
        self._next_s = math.inf
        self._commands: dict[str, Callable[[list[str], float], None]] = {
            "I0": self._i0,
            "I1": lambda p, t: self._info(p, t, 'I1 A "01" "2.30" "2.20" "" ""'),
            "I2": lambda p, t: self._info(p, t, f'I2 A "{MODEL} {self._text(scale.maximum_g)} g"'),
            "I3": lambda p, t: self._info(p, t, f'I3 A "{SOFTWARE} {TYPE_NUMBER}"'),
            "I4": lambda p, t: self._info(p, t, f'I4 A "{scale.serial}"'),
            "I5": lambda p, t: self._info(p, t, 'I5 A "TWIN0001A"'),
            "I10": self._i10,
            "I11": lambda p, t: self._info(p, t, f'I11 A "{MODEL}"'),
            "S": self._s,
            "SI": self._si,
            "SIR": self._sir,
            "SC": self._sc,
            "SR": self._sr,
            "SNR": self._snr,
            "Z": self._z,
            "ZI": self._zi,
            "T": self._t,
            "TI": self._ti,
            "TA": self._ta,
            "TAC": self._tac,
            "D": self._d,
            "DW": lambda p, t: self._info(p, t, "DW A"),
            "C3": self._c3,
            "M21": self._m21,
            "M28": self._m28,
            "UPD": self._upd,
        }

    # -- bytes and time

    def receive(self, data: bytes, time_s: float) -> None:
        """Take bytes from the host; act on every line that they complete."""
        self._received += data
        while (end := self._received.find(b"\r\n")) >= 0:
            line = self._received[:end].decode("latin-1")
            del self._received[: end + 2]
            if line == "@":
                self._cancel(time_s)
            elif self._busy:
                self._waiting_lines.append(line)
            else:
                self._execute(line, time_s)
        if len(self._received) > _LINE_LIMIT:
            self._received.clear()
            self._reply("ES", time_s)

    def next_event_s(self) -> float:
        """Return the next output instant that matters, or the end of an adjustment."""
        return self._next_s

    def run_until(self, time_s: float) -> None:
        """Send what is due at each output instant up to `time_s`."""
        while self._next_s <= time_s:
            if self._adjusted_s <= self._next_s:
                self._finish_adjustment()
                continue
            instant_s = self._next_s
            self._output += 1
            self._next_s = self._output / self._rate_hz
            self._put_out(instant_s)

    def _put_out(self, time_s: float) -> None:
        """Do what one new weight calls for."""
        scale = self._scale
        indication_g = scale.indication_g(time_s)
        stable = scale.stable(time_s)
        if self._streaming:
            net = round((indication_g - self._zero_g - self._tare_g) * self._per_g)
            if -self._underload_g < indication_g - self._zero_g < scale.maximum_g:
                self._send((self._stable_line if stable else self._dynamic_line) % (net / self._per_g), time_s)
            else:
                self._send(self._weight_line(indication_g, stable), time_s)
        if self._change is not None:
            self._report_change(indication_g, stable, time_s)
        pending = self._pending
        if pending is not None and (stable or time_s >= pending.deadline_s):
            self._pending = None
            (pending.on_stable if stable else pending.on_timeout)(indication_g, time_s)
            self._go_on(time_s)

    @property
    def _busy(self) -> bool:
        return self._pending is not None or not math.isinf(self._adjusted_s)

    def _go_on(self, time_s: float) -> None:
        """Act on the commands that came meanwhile."""
        while self._waiting_lines and not self._busy:
            self._execute(self._waiting_lines.popleft(), time_s)
        self._schedule(time_s)

    def _schedule(self, time_s: float) -> None:
        """Set the next instant at which anything is to be done."""
        if self._pending is None and not self._streaming and self._change is None:
            self._next_s = self._adjusted_s
        else:
            self._output = math.floor(time_s * self._rate_hz + 1e-9) + 1
            self._next_s = min(self._output / self._rate_hz, self._adjusted_s)

    def _execute(self, line: str, time_s: float) -> None:
        name, *parameters = line.split(" ")
        command = self._commands.get(name)
        if command is None:
            self._reply("ES", time_s)
        else:
            command(parameters, time_s)
            self._schedule(time_s)

    def _reply(self, text: str, time_s: float) -> None:
        self._send(f"{text}\r\n".encode("latin-1"), time_s + REPLY_LATENCY_S)

    def _wait_for_stable(
        self,
        time_s: float,
        on_stable: Callable[[float, float], None],
        on_timeout: Callable[[float, float], None],
        timeout_s: float | None = None,
    ) -> None:
        limit_s = self._stability_timeout_s if timeout_s is None else timeout_s
        self._pending = _Pending(on_stable, on_timeout, time_s + limit_s)

    # -- weights

    @property
    def _underload_g(self) -> float:
        return _UNDERLOAD * self._scale.maximum_g

    def _text(self, mass_g: float) -> str:
        """Write a mass rounded to the readability, in ten columns where it stands in a weight line."""
        return f"{round(mass_g * self._per_g) / self._per_g + 0.0:.{self._decimals}f}"

    def _range(self, indication_g: float) -> str:
        """Return `+` or `-` when the pan is outside the weighing range, else nothing."""
        gross_g = indication_g - self._zero_g
        return "+" if gross_g > self._scale.maximum_g else "-" if gross_g < -self._underload_g else ""

    def _weight_line(self, indication_g: float, stable: bool) -> bytes:
        outside = self._range(indication_g)
        if outside:
            return f"S {outside}\r\n".encode()
        net_g = self._text(indication_g - self._zero_g - self._tare_g)
        return f"S {'S' if stable else 'D'} {net_g:>10} g\r\n".encode()

    def _send_weight(self, indication_g: float, stable: bool, time_s: float) -> None:
        self._send(self._weight_line(indication_g, stable), time_s + REPLY_LATENCY_S)

    def _end_stream(self) -> None:
        self._streaming = False
        self._change = None

    def _s(self, parameters: list[str], time_s: float) -> None:
        if self._takes_none(parameters, time_s):
            self._end_stream()
            self._wait_for_stable(
                time_s,
                lambda indication_g, t: self._send_weight(indication_g, True, t),
                lambda _, t: self._reply("S I", t),
            )

    def _si(self, parameters: list[str], time_s: float) -> None:
        if self._takes_none(parameters, time_s):
            self._end_stream()
            self._send_weight(self._scale.indication_g(time_s), self._scale.stable(time_s), time_s)

    def _sir(self, parameters: list[str], time_s: float) -> None:
        if self._takes_none(parameters, time_s):
            self._end_stream()
            self._streaming = True

    def _sc(self, parameters: list[str], time_s: float) -> None:
        if len(parameters) != 1 or not parameters[0].isdigit():
            self._reply("S L", time_s)
            return
        self._end_stream()
        self._wait_for_stable(
            time_s,
            lambda indication_g, t: self._send_weight(indication_g, True, t),
            lambda indication_g, t: self._send_weight(indication_g, False, t),
            int(parameters[0]) / 1000,
        )

    def _sr(self, parameters: list[str], time_s: float) -> None:
        self._start_change_report(parameters, time_s, announce=True)

    def _snr(self, parameters: list[str], time_s: float) -> None:
        self._start_change_report(parameters, time_s, announce=False)

    def _start_change_report(self, parameters: list[str], time_s: float, *, announce: bool) -> None:
        preset_g = self._mass(parameters) if parameters else None
        if parameters and preset_g is None:
            self._reply("S L", time_s)
            return
        self._end_stream()

        def begin(indication_g: float, t: float) -> None:
            self._send_weight(indication_g, True, t)
            self._change = _ChangeReport(announce, preset_g, indication_g)

        self._wait_for_stable(time_s, begin, lambda _, t: self._reply("S I", t))

    def _report_change(self, indication_g: float, stable: bool, time_s: float) -> None:
        change = self._change
        if change is None:
            return
        preset_g = change.preset_g
        if preset_g is None:
            net_g = abs(change.last_g - self._zero_g - self._tare_g)
            preset_g = max(_CHANGE_SHARE * net_g, _CHANGE_LEAST_DIVISIONS * self._scale.readability_g)
        moved = abs(indication_g - change.last_g) >= preset_g
        if change.moving and stable:
            self._send_weight(indication_g, True, time_s)
            self._change = _ChangeReport(change.announce, change.preset_g, indication_g)
        elif moved and not change.moving:
            if change.announce:
                self._send_weight(indication_g, False, time_s)
            self._change = change._replace(moving=True)

    # -- zero and tare

    def _zero(self, indication_g: float, time_s: float, command: str, answer: str) -> None:
        limit_g = _ZERO_RANGE * self._scale.maximum_g
        if abs(indication_g) > limit_g:
            self._reply(f"{command} {'+' if indication_g > 0 else '-'}", time_s)
            return
        self._zero_g = indication_g
        self._tare_g = 0.0
        self._reply(f"{command} {answer}", time_s)

    def _z(self, parameters: list[str], time_s: float) -> None:
        if self._takes_none(parameters, time_s):
            self._wait_for_stable(
                time_s,
                lambda indication_g, t: self._zero(indication_g, t, "Z", "A"),
                lambda _, t: self._reply("Z I", t),
            )

    def _zi(self, parameters: list[str], time_s: float) -> None:
        if self._takes_none(parameters, time_s):
            stable = self._scale.stable(time_s)
            self._zero(self._scale.indication_g(time_s), time_s, "ZI", "S" if stable else "D")

    def _tare(self, indication_g: float, time_s: float, command: str, status: str) -> None:
        gross_g = indication_g - self._zero_g
        outside = self._range(indication_g) or ("-" if gross_g < -_ZERO_RANGE * self._scale.maximum_g else "")
        if outside:
            self._reply(f"{command} {outside}", time_s)
            return
        self._tare_g = gross_g
        self._reply(f"{command} {status} {self._text(gross_g):>10} g", time_s)

    def _t(self, parameters: list[str], time_s: float) -> None:
        if self._takes_none(parameters, time_s):
            self._wait_for_stable(
                time_s,
                lambda indication_g, t: self._tare(indication_g, t, "T", "S"),
                lambda _, t: self._reply("T I", t),
            )

    def _ti(self, parameters: list[str], time_s: float) -> None:
        if self._takes_none(parameters, time_s):
            stable = self._scale.stable(time_s)
            self._tare(self._scale.indication_g(time_s), time_s, "TI", "S" if stable else "D")

    def _ta(self, parameters: list[str], time_s: float) -> None:
        if parameters:
            preset_g = self._mass(parameters)
            if preset_g is None or not 0.0 <= preset_g <= self._scale.maximum_g:
                self._reply("TA L", time_s)
                return
            self._tare_g = round(preset_g * self._per_g) / self._per_g
        self._reply(f"TA A {self._text(self._tare_g):>10} g", time_s)

    def _tac(self, parameters: list[str], time_s: float) -> None:
        if self._takes_none(parameters, time_s):
            self._tare_g = 0.0
            self._reply("TAC A", time_s)

    # -- everything else

    def _cancel(self, time_s: float) -> None:
        """Do `@`: back to the state after power-on, without zeroing."""
        self._waiting_lines.clear()
        self._pending = None
        self._adjusted_s = math.inf
        self._end_stream()
        self._tare_g = 0.0
        self._reply(f'I4 A "{self._scale.serial}"', time_s)
        self._schedule(time_s)

    def _takes_none(self, parameters: list[str], time_s: float) -> bool:
        if parameters:
            self._reply("EL", time_s)
        return not parameters

    def _info(self, parameters: list[str], time_s: float, answer: str) -> None:
        if self._takes_none(parameters, time_s):
            self._reply(answer, time_s)

    def _i0(self, parameters: list[str], time_s: float) -> None:
        if self._takes_none(parameters, time_s):
            listed = [(level, name) for level, names in _LEVELS.items() for name in names]
            for index, (level, name) in enumerate(listed, start=1):
                self._reply(f'I0 {"A" if index == len(listed) else "B"} {level} "{name}"', time_s)

    def _i10(self, parameters: list[str], time_s: float) -> None:
        if not parameters:
            self._reply(f'I10 A "{self._name}"', time_s)
            return
        match = _QUOTED.match(" ".join(parameters))
        if match is None or len(match.group(1)) > 20:
            self._reply("I10 L", time_s)
            return
        self._name = match.group(1)
        self._reply("I10 A", time_s)

    def _d(self, parameters: list[str], time_s: float) -> None:
        self._reply("D A" if _QUOTED.match(" ".join(parameters)) else "D L", time_s)

    def _c3(self, parameters: list[str], time_s: float) -> None:
        if self._takes_none(parameters, time_s):
            self._reply("C3 B", time_s)
            self._adjusted_s = time_s + _ADJUSTMENT_S

    def _finish_adjustment(self) -> None:
        time_s, self._adjusted_s = self._adjusted_s, math.inf
        self._reply("C3 A", time_s)
        self._go_on(time_s)

    def _m21(self, parameters: list[str], time_s: float) -> None:
        """Read or set the units of host (0) and display (1): g, index 0, is the only one here."""
        if not parameters:
            self._reply("M21 B 0 0", time_s)
            self._reply("M21 A 1 0", time_s)
        else:
            self._reply("M21 A" if parameters in (["0", "0"], ["1", "0"]) else "M21 L", time_s)

    def _m28(self, parameters: list[str], time_s: float) -> None:
        if self._takes_none(parameters, time_s):
            temperatures_c = self._temperatures_c(time_s)
            for index, temperature_c in enumerate(temperatures_c, start=1):
                more = "A" if index == len(temperatures_c) else "B"
                self._reply(f"M28 {more} {index} {temperature_c:.1f}", time_s)

    def _upd(self, parameters: list[str], time_s: float) -> None:
        if not parameters:
            self._reply(f"UPD A {self._rate_hz:g}", time_s)
            return
        try:
            wanted_hz = float(parameters[0])
        except ValueError:
            wanted_hz = math.nan
        if len(parameters) > 1 or not wanted_hz > 0.0 or math.isinf(wanted_hz):
            self._reply("UPD L", time_s)
            return
        rates_hz = {rate for rate in _UPDATE_RATES_HZ if rate <= self._scale.output_rate_hz}
        self._rate_hz = min(sorted(rates_hz | {self._scale.output_rate_hz}), key=lambda rate: abs(rate - wanted_hz))
        self._reply("UPD A", time_s)

    def _mass(self, parameters: list[str]) -> float | None:
        """Read `<value> <unit>`; None if it is none."""
        if len(parameters) != 2 or parameters[1] not in _UNITS:
            return None
        try:
            mass_g = float(parameters[0]) * _UNITS[parameters[1]]
        except ValueError:
            return None
        return mass_g if math.isfinite(mass_g) else None


class _ChangeReport(NamedTuple):
    """What `SR` and `SNR` keep: the last weight reported and whether the pan has moved since."""

    announce: bool
    preset_g: float | None
    last_g: float
    moving: bool = False
