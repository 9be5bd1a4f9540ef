"""An insulin pump behind a bridge that speaks `docs/pump-bridge.md`, version 1.0.

The pump itself (dosing, limits, alarms) is physics; here are its commands, the error queue and the host watchdog, which
counts from the last line in simulated time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from bench.twin.emulators.registry import EmulatorEntry, NoOptions
from bench.twin.emulators.scpi import (
    ILLEGAL_VALUE,
    MISSING_PARAMETER,
    OUT_OF_RANGE,
    PARAMETER_NOT_ALLOWED,
    SETTINGS_CONFLICT,
    Command,
    ErrorQueue,
    LineBuffer,
    ScpiError,
    ScpiParser,
    boolean,
    choice,
    number,
)
from bench.twin.port import REPLY_LATENCY_S, LineSettings, Send
from bench.twin.pump_model import PumpModel
from bench.twin.refusal import PumpRefusal

if TYPE_CHECKING:
    from bench.twin.settings import Simulation
    from bench.twin.world import World

MAKER = "pumpbench twin"
MODEL = "TWIN-PUMP simulated"
FIRMWARE = "1.0"
CONTRACT = "1.0"

_REFUSALS = {
    "conflict": (SETTINGS_CONFLICT, None),
    "range": (OUT_OF_RANGE, None),
    "step": (ILLEGAL_VALUE, None),
    "empty": (101, "Reservoir empty"),
}
_WATCHDOG_S = (1.0, 3600.0)
_PROFILE_SEGMENTS = 48
_DAY_S = 86400.0
_PERCENT_MOST = 250.0
_OCCLUSION_LEVELS = ("LOW", "MEDium", "HIGH")


class InsulinPump:
    """The emulator.

    Args:
        send: hands bytes to the host at a due time.
        pump: the pump's physics and behaviour, in U.
        serial: serial number.

    """

    line = LineSettings(115200)

    def __init__(self, send: Send, pump: PumpModel, *, serial: str = "TWIN0001") -> None:
        self._send = send
        self._pump = pump
        self._errors = ErrorQueue()
        self._buffer = LineBuffer()
        self._time_s = 0.0
        self._watchdog_s = 0.0
        self._barks_s = math.inf
        self._starts = pump.starts
        self._parser = ScpiParser(
            self._common(serial) | self._basal() | self._bolus() | self._delivery() | self._alarms(),
            self._errors,
            relative_only=False,
        )

    # -- bytes and time

    def receive(self, data: bytes, time_s: float) -> None:
        """Take bytes from the host and act on every complete line; each feeds the watchdog."""
        self._time_s = time_s
        self._forget_if_restarted()
        if not self._pump.powered:
            return
        for line in self._buffer.feed(data):
            answer = self._parser.execute(line)
            if answer is not None:
                self._send(answer.encode("ascii") + b"\n", time_s + REPLY_LATENCY_S)
            self._barks_s = time_s + self._watchdog_s if self._watchdog_s else math.inf

    def next_event_s(self) -> float:
        """Return when the watchdog stops the pump."""
        return self._barks_s

    def run_until(self, time_s: float) -> None:
        """Stop the pump when no line has come for the watchdog's time."""
        self._forget_if_restarted()
        if self._barks_s <= time_s:
            self._barks_s = math.inf
            self._pump.stop()
            self._pump.raise_alarm("WATCHDOG")

    def _forget_if_restarted(self) -> None:
        """Forget, without power, the watchdog and half a line."""
        if self._starts == self._pump.starts and self._pump.powered:
            return
        self._starts = self._pump.starts
        self._buffer = LineBuffer()
        self._errors.clear()
        self._watchdog_s, self._barks_s = 0.0, math.inf

    # -- commands

    def _common(self, serial: str) -> dict[str, Command]:
        return {
            "*IDN?": Command(lambda _: f"{MAKER},{MODEL},{serial},{FIRMWARE}"),
            "*RST": Command(self._reset),
            "*CLS": Command(lambda _: self._errors.clear()),
            "*OPC?": Command(lambda _: "1"),
            "SYSTem:ERRor[:NEXT]?": Command(lambda _: '{},"{}"'.format(*self._errors.pop())),
            "SYSTem:VERSion?": Command(lambda _: "1999.0"),
            "SYSTem:BRIDge?": Command(lambda _: CONTRACT),
            "SYSTem:TIME?": Command(lambda _: f"{self._pump.clock_s(self._time_s):.3f}"),
            "SYSTem:WATChdog": Command(self._set_watchdog, 1, 1),
            "SYSTem:WATChdog?": Command(lambda _: _plain(self._watchdog_s)),
            "INSulin:CONCentration?": Command(lambda _: _plain(self._pump.concentration_u_per_ml)),
        }

    def _basal(self) -> dict[str, Command]:
        pump = self._pump
        return {
            "BASal:RATE": Command(self._set_rate, 1, 1),
            "BASal:RATE?": Command(self._ask_rate, 0, 1),
            "BASal:INCRement?": Command(lambda _: _plain(pump.basal_increment_u)),
            "BASal:STATe": Command(self._switch_basal, 1, 1),
            "BASal:STATe?": Command(lambda _: str(int(pump.basal_on))),
            "BASal:TEMPorary:PERCent": Command(lambda p: self._set_temporary("PERC", p), 2, 2),
            "BASal:TEMPorary:RATE": Command(lambda p: self._set_temporary("RATE", p), 2, 2),
            "BASal:TEMPorary:CANCel": Command(lambda _: self._ask_pump(pump.cancel_temporary)),
            "BASal:TEMPorary?": Command(self._ask_temporary),
            "BASal:PROFile": Command(self._set_profile, 2, None),
            "BASal:PROFile?": Command(self._ask_profile),
            "BASal:PROFile:CLEar": Command(lambda _: self._ask_pump(pump.clear_profile)),
        }

    def _bolus(self) -> dict[str, Command]:
        pump = self._pump
        return {
            "BOLus:IMMediate": Command(self._start_bolus, 1, 1),
            "BOLus:EXTended": Command(self._start_extended, 2, 2),
            "BOLus:DUAL": Command(self._start_dual, 3, 3),
            "BOLus:CANCel": Command(lambda _: self._ask_pump(pump.cancel_bolus)),
            "BOLus:STATus?": Command(self._ask_bolus),
            "BOLus:INCRement?": Command(lambda _: _plain(pump.bolus_increment_u)),
            "BOLus:MAXimum?": Command(lambda _: _plain(pump.bolus_maximum_u)),
            "BOLus:SPEed?": Command(lambda _: _plain(pump.bolus_speed_u_per_min)),
        }

    def _delivery(self) -> dict[str, Command]:
        pump = self._pump
        return {
            "DELivery:STATe?": Command(lambda _: pump.state),
            "DELivery:STOP": Command(lambda _: pump.stop()),
            "DELivery:SUSPend": Command(lambda _: self._ask_pump(pump.suspend)),
            "DELivery:RESume": Command(lambda _: self._ask_pump(pump.resume)),
            "DELivery:VOLume?": Command(lambda _: _volume(sum(pump.delivered_u.values()))),
            "DELivery:VOLume:BASal?": Command(lambda _: _volume(pump.delivered_u["basal"])),
            "DELivery:VOLume:BOLus?": Command(lambda _: _volume(pump.delivered_u["bolus"])),
            "DELivery:VOLume:PRIMe?": Command(lambda _: _volume(pump.delivered_u["prime"])),
            "PRIMe": Command(self._prime, 1, 1),
            "REServoir:VOLume?": Command(lambda _: _volume(pump.reservoir_u)),
            "REServoir:FILL": Command(self._fill, 1, 1),
            "BATTery:LEVel?": Command(lambda _: f"{pump.battery_pct:.0f}"),
        }

    def _alarms(self) -> dict[str, Command]:
        pump = self._pump
        return {
            "ALARm:COUNt?": Command(lambda _: str(len(pump.alarms))),
            "ALARm:NEXT?": Command(self._next_alarm),
            "ALARm:ACTive?": Command(lambda _: ",".join(pump.active_alarms) or "NONE"),
            "ALARm:ACKNowledge": Command(lambda _: pump.acknowledge()),
            "ALARm:OCCLusion:LEVel": Command(self._set_occlusion_level, 1, 1),
            "ALARm:OCCLusion:LEVel?": Command(lambda _: pump.occlusion_level),
        }

    # -- what they do

    @staticmethod
    def _ask_pump(act: Callable[[], None]) -> None:
        """Let the pump do something, and turn its refusal into an entry of the error queue."""
        try:
            act()
        except PumpRefusal as refusal:
            raise ScpiError(*_REFUSALS[refusal.reason]) from refusal

    def _reset(self, _parameters: list[str]) -> None:
        pump = self._pump
        pump.stop()
        pump.cancel_temporary()
        pump.clear_profile()
        pump.set_basal_rate(0.0)
        self._watchdog_s = 0.0

    def _set_watchdog(self, parameters: list[str]) -> None:
        watchdog_s = number(parameters[0])
        if watchdog_s != 0.0 and not _WATCHDOG_S[0] <= watchdog_s <= _WATCHDOG_S[1]:
            raise ScpiError(OUT_OF_RANGE)
        self._watchdog_s = watchdog_s

    def _named_limit(self, text: str) -> float | None:
        """Return the limit that `MIN` or `MAX` stands for; None for anything else."""
        limits = {"MIN": self._pump.basal_minimum_u_per_h, "MAX": self._pump.basal_maximum_u_per_h}
        return limits.get({"MINIMUM": "MIN", "MAXIMUM": "MAX"}.get(text.upper(), text.upper()))

    def _set_rate(self, parameters: list[str]) -> None:
        limit = self._named_limit(parameters[0])
        rate_u_per_h = number(parameters[0]) if limit is None else limit
        self._ask_pump(lambda: self._pump.set_basal_rate(rate_u_per_h))

    def _ask_rate(self, parameters: list[str]) -> str:
        if not parameters:
            return _plain(self._pump.basal_rate_u_per_h)
        limit = self._named_limit(parameters[0])
        if limit is None:
            raise ScpiError(ILLEGAL_VALUE)
        return _plain(limit)

    def _switch_basal(self, parameters: list[str]) -> None:
        on = boolean(parameters[0])
        self._ask_pump(lambda: self._pump.switch_basal(on))

    def _set_temporary(self, kind: Literal["PERC", "RATE"], parameters: list[str]) -> None:
        value, duration_s = map(number, parameters)
        if kind == "PERC" and not 0.0 <= value <= _PERCENT_MOST:
            raise ScpiError(OUT_OF_RANGE)
        self._ask_pump(lambda: self._pump.set_temporary(kind, value, duration_s))

    def _ask_temporary(self, _parameters: list[str]) -> str:
        kind, value, left_s = self._pump.temporary
        return f"{kind},{_plain(value)},{_plain(round(left_s, 3))}"

    def _set_profile(self, parameters: list[str]) -> None:
        values = [number(parameter) for parameter in parameters]
        if len(values) % 2:
            raise ScpiError(MISSING_PARAMETER)
        segments = list(zip(values[::2], values[1::2], strict=True))
        starts_s = [start_s for start_s, _ in segments]
        if len(segments) > _PROFILE_SEGMENTS:
            raise ScpiError(PARAMETER_NOT_ALLOWED)
        if starts_s[0] != 0.0 or starts_s != sorted(set(starts_s)):
            raise ScpiError(ILLEGAL_VALUE)
        if starts_s[-1] >= _DAY_S:
            raise ScpiError(OUT_OF_RANGE)
        self._ask_pump(lambda: self._pump.set_profile(segments))

    def _ask_profile(self, _parameters: list[str]) -> str:
        segments = self._pump.profile
        return ",".join(_plain(value) for segment in segments for value in segment) if segments else "NONE"

    def _start_bolus(self, parameters: list[str]) -> None:
        volume_u = number(parameters[0])
        self._ask_pump(lambda: self._pump.start_bolus(volume_u))

    def _start_extended(self, parameters: list[str]) -> None:
        volume_u, duration_s = map(number, parameters)
        self._ask_pump(lambda: self._pump.start_extended(volume_u, duration_s))

    def _start_dual(self, parameters: list[str]) -> None:
        now_u, extended_u, duration_s = map(number, parameters)
        self._ask_pump(lambda: self._pump.start_dual(now_u, extended_u, duration_s))

    def _ask_bolus(self, _parameters: list[str]) -> str:
        state, programmed_u, delivered_u = self._pump.bolus
        return f"{state},{_volume(programmed_u)},{_volume(delivered_u)}"

    def _prime(self, parameters: list[str]) -> None:
        volume_u = number(parameters[0])
        self._ask_pump(lambda: self._pump.prime(volume_u))

    def _fill(self, parameters: list[str]) -> None:
        volume_u = number(parameters[0])
        self._ask_pump(lambda: self._pump.fill(volume_u))

    def _next_alarm(self, _parameters: list[str]) -> str:
        if not self._pump.alarms:
            return '0,0,NONE,"No alarm"'
        sequence, pump_time_s, code, text = self._pump.alarms.popleft()
        return f'{sequence},{pump_time_s:.3f},{code},"{text}"'

    def _set_occlusion_level(self, parameters: list[str]) -> None:
        self._pump.occlusion_level = choice(parameters[0], _OCCLUSION_LEVELS)


def _plain(value: float) -> str:
    """Write a number as short as it goes without an exponent: `100`, `0.05`."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _volume(volume_u: float) -> str:
    """Write a volume in U with the pump's own resolution."""
    return f"{volume_u:.4f}"


def _make(send: Send, world: World, simulation: Simulation, _options: NoOptions) -> InsulinPump:
    return InsulinPump(send, world.pump, serial=simulation.pump.serial_number)


EMULATOR = EmulatorEntry("insulin_pump", "pump", _make)
