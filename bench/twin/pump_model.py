"""The pump: what it is told, what it believes and reports, and what its motor does. In U, as a pump counts.

Commands act at the world's present. A refusal leaves everything as it was.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Literal

from bench.twin.faults import (
    BolusCutShort,
    BolusNotDelivered,
    FalseAlarm,
    FaultSet,
    LateAlarm,
    NoAlarm,
)
from bench.twin.metering import Metering
from bench.twin.plant import Line
from bench.twin.pulses import BasalClock, PulseTrain, Temporary
from bench.twin.pump_alarms import Alarms
from bench.twin.settings import PumpSettings
from bench.twin.truth import TruthWriter

_LONGEST_S = 86400.0
_MOST_PERCENT = 250.0
_STEP_SLACK = 1e-6
_RESERVOIR_SLACK_U = 1e-9
_TOGETHER_S = 1e-6
_COUNTED_DIGITS = 9

Stream = Literal["basal", "bolus", "prime"]
Reason = Literal["conflict", "range", "step", "empty"]


class PumpRefusal(Exception):  # noqa: N818 - a refusal is an answer, not an error of the pump
    """The pump does not do what it was told."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason: Reason = reason


class PumpModel:
    """The pump under test, with its faults."""

    def __init__(
        self,
        settings: PumpSettings,
        faults: FaultSet,
        line: Line,
        metering: Metering,
        truth: TruthWriter,
        now: Callable[[], float],
    ) -> None:
        insulin = settings.insulin
        self.serial = settings.serial_number
        self.concentration_u_per_ml = insulin.u_per_ml
        self.basal_increment_u = settings.pulse.to("U", insulin)
        self.basal_minimum_u_per_h = settings.basal_minimum.to("U/h", insulin)
        self.basal_maximum_u_per_h = settings.basal_maximum.to("U/h", insulin)
        self.bolus_increment_u = self.basal_increment_u
        self.bolus_maximum_u = settings.bolus_maximum.to("U", insulin)
        self._bolus_step_s = settings.bolus_pulse_interval.to("s")
        self.bolus_speed_u_per_min = self.bolus_increment_u / self._bolus_step_s * 60.0
        self._prime_maximum_u = settings.prime_maximum.to("U", insulin)
        self._prime_step_s = settings.prime_pulse_interval.to("s")
        self.reservoir_u = settings.reservoir.to("U", insulin)
        self._low_reservoir_u = settings.low_reservoir.to("U", insulin)
        self._battery_life_s = settings.battery_life.to("s")
        self._low_battery_pct = settings.low_battery.to("%")
        self._ul_per_u = insulin.ul_per_u
        self._thresholds_kpa = {
            "LOW": settings.occlusion_low.to("kPa"),
            "MED": settings.occlusion_medium.to("kPa"),
            "HIGH": settings.occlusion_high.to("kPa"),
        }
        self._level = "MED"
        self._stall_kpa = settings.stall_pressure.to("kPa")
        self._clock_offset_s = settings.clock_offset.to("s")
        self._clock_rate = 1.0 + settings.clock_drift.to("%") / 100.0
        late, false = faults.get(LateAlarm), faults.get(FalseAlarm)
        self._latency_s = settings.occlusion_latency.to("s") + (late.delay.to("s") if late else 0.0)
        self._mute = faults.get(NoAlarm) is not None
        self._false_every = false.every if false else 0
        cut, not_delivered = faults.get(BolusCutShort), faults.get(BolusNotDelivered)
        self._bolus_share = cut.share.to("%") / 100.0 if cut else 1.0
        self._bolus_dropped_every = not_delivered.every if not_delivered else 0
        self._line = line
        self._metering = metering
        self._truth = truth
        self._now = now
        self.delivered_u: dict[Stream, float] = {"basal": 0.0, "bolus": 0.0, "prime": 0.0}
        self._alarms = Alarms(self._conditions)
        self._basal = BasalClock(settings)
        self._suspended = False
        self._bolus_trains: deque[PulseTrain] = deque()
        self._bolus_kind = "IDLE"
        self._bolus_programmed_u = 0.0
        self._bolus_delivered_u = 0.0
        self.boluses_started = 0
        self._prime_train: PulseTrain | None = None
        self._pulses = 0
        self._occlusion_s = math.inf
        self._battery_marks = deque(
            [
                (self._battery_life_s * (1.0 - self._low_battery_pct / 100.0), "LOWBATT"),
                (self._battery_life_s, "BATTERY"),
            ]
        )
        self._change_s = math.inf
        self._next_s = math.inf
        self._plan()

    # -- what it reports

    @property
    def basal_on(self) -> bool:
        """Whether basal delivery is switched on."""
        return self._basal.on

    @property
    def basal_rate_u_per_h(self) -> float:
        """The basal rate that was set."""
        return self._basal.rate_u_per_h

    @property
    def temporary(self) -> tuple[str, float, float]:
        """Kind (`NONE`, `PERC`, `RATE`), value and time left in s of the temporary basal rate."""
        temporary = self._basal.temporary
        return ("NONE", 0.0, 0.0) if temporary is None else (*self._told(temporary), temporary.end_s - self._now())

    @property
    def profile(self) -> list[tuple[float, float]]:
        """Segments of the daily profile as start in s and rate in U/h; empty for none."""
        return list(self._basal.profile)

    @property
    def bolus(self) -> tuple[str, float, float]:
        """State (`IDLE`, `NORM`, `EXT`, `DUAL`), programmed and delivered U of the present or last bolus."""
        return self._bolus_kind, self._bolus_programmed_u, self._bolus_delivered_u

    @property
    def state(self) -> str:
        """`STOP`, `BAS`, `BOL`, `PRIM`, `SUSP` or `ALAR`."""
        if self._alarms.blocking:
            return "ALAR"
        if self._suspended:
            return "SUSP"
        if self._prime_train:
            return "PRIM"
        if self._bolus_trains:
            return "BOL"
        return "BAS" if self.basal_on else "STOP"

    @property
    def battery_pct(self) -> float:
        """The battery's charge."""
        return max(0.0, 100.0 * (1.0 - self._now() / self._battery_life_s))

    @property
    def alarms(self) -> deque[tuple[int, float, str, str]]:
        """Alarms not taken yet: sequence, pump time in s, code, text."""
        return self._alarms.queue

    @property
    def active_alarms(self) -> list[str]:
        """Codes of alarms that are present now."""
        return self._alarms.active

    @property
    def occlusion_level(self) -> str:
        """`LOW`, `MED` or `HIGH`."""
        return self._level

    @occlusion_level.setter
    def occlusion_level(self, level: str) -> None:
        short = level.upper()[:3] if level.upper().startswith("MED") else level.upper()
        if short not in self._thresholds_kpa:
            raise PumpRefusal("step", f"{level} is none of {', '.join(self._thresholds_kpa)}")
        self._level = short

    def clock_s(self, time_s: float) -> float:
        """Return what the pump's own clock shows at an instant of the world."""
        return self._clock_offset_s + self._clock_rate * time_s

    # -- what it is told

    def set_basal_rate(self, rate_u_per_h: float) -> None:
        """Set the constant basal rate; it holds at once. 0 is allowed."""
        if rate_u_per_h != 0.0:
            self._check_range(rate_u_per_h, self.basal_minimum_u_per_h, self.basal_maximum_u_per_h)
        self._basal.rate_u_per_h = rate_u_per_h
        self._new_rate()

    def switch_basal(self, on: bool) -> None:
        """Start or stop basal delivery."""
        if not on:
            self._basal.switch(False, self._now())
            self._basal.temporary = None
        elif not self._basal.on:
            self._check_may_start()
            self._check_contents(self.basal_increment_u)
            if self._prime_train:
                raise PumpRefusal("conflict", "a prime is under way")
            self._basal.switch(True, self._now())
        else:
            return
        self._new_rate()

    def set_temporary(self, kind: Literal["PERC", "RATE"], value: float, duration_s: float) -> None:
        """Deliver a percentage of the basal rate, or another rate in U/h, for a time."""
        if not self._basal.on:
            raise PumpRefusal("conflict", "basal delivery is off")
        if not 0.0 < duration_s <= _LONGEST_S:
            raise PumpRefusal("range", f"{duration_s} s is not above 0 s and up to a day")
        self._check_range(value, 0.0, _MOST_PERCENT if kind == "PERC" else self.basal_maximum_u_per_h)
        self._basal.temporary = Temporary(kind, value, self._now() + duration_s)
        self._new_rate()

    def cancel_temporary(self) -> None:
        """End the temporary basal rate; nothing to do if there is none."""
        if self._basal.temporary is not None:
            self._basal.temporary = None
            self._new_rate()

    def set_profile(self, segments: list[tuple[float, float]]) -> None:
        """Set a daily profile of starts in s, ascending from 0, and rates in U/h."""
        starts_s = [start_s for start_s, _ in segments]
        if not segments or starts_s[0] != 0.0 or starts_s != sorted(set(starts_s)):
            raise PumpRefusal("step", "start times must ascend from 0")
        self._check_range(starts_s[-1], 0.0, math.nextafter(_LONGEST_S, 0.0))
        for _, rate_u_per_h in segments:
            self._check_range(rate_u_per_h, 0.0, self.basal_maximum_u_per_h)
        self._basal.profile = list(segments)
        self._new_rate()

    def clear_profile(self) -> None:
        """Return to the constant rate."""
        if self._basal.profile:
            self._basal.profile = []
            self._new_rate()

    def start_bolus(self, volume_u: float) -> None:
        """Start a normal bolus."""
        self._start_bolus("NORM", [(volume_u, 0.0)])

    def start_extended(self, volume_u: float, duration_s: float) -> None:
        """Start a square-wave bolus."""
        self._start_bolus("EXT", [(volume_u, duration_s)])

    def start_dual(self, now_u: float, extended_u: float, duration_s: float) -> None:
        """Start a dual-wave bolus; its spread part follows the part at once."""
        self._start_bolus("DUAL", [(now_u, 0.0), (extended_u, duration_s)])

    def cancel_bolus(self) -> None:
        """End the bolus now; nothing to do if there is none."""
        self._bolus_trains.clear()
        self._bolus_kind = "IDLE"
        self._plan()

    def suspend(self) -> None:
        """Suspend basal and bolus, settings kept."""
        if self._alarms.blocking or self._prime_train:
            raise PumpRefusal("conflict", "blocked by an alarm, or a prime is under way")
        self._suspended = True
        self._basal.hold()
        self._plan()

    def resume(self) -> None:
        """Go on with what was suspended."""
        if self._alarms.blocking or not self._suspended:
            raise PumpRefusal("conflict", "nothing is suspended")
        self._suspended = False
        if self._bolus_trains:
            self._bolus_trains[0].start(self._now())
        self._new_rate()

    def stop(self) -> None:
        """Stop everything: basal off, its temporary rate ended, bolus cancelled, prime ended. Always allowed."""
        self._basal.switch(False, self._now())
        self._basal.temporary = None
        self._suspended = False
        self._prime_train = None
        self._occlusion_s = math.inf
        self.cancel_bolus()
        self._new_rate()

    def prime(self, volume_u: float) -> None:
        """Prime the tubing; only when nothing else is delivered."""
        count = self._pulses_of(volume_u, self._prime_maximum_u)
        self._check_may_start()
        if self._basal.on or self._bolus_trains or self._prime_train:
            raise PumpRefusal("conflict", "the pump delivers")
        self._check_contents(volume_u)
        self._prime_train = PulseTrain(count, self._prime_step_s)
        self._prime_train.start(self._now())
        self._plan()

    def fill(self, volume_u: float) -> None:
        """Note that a reservoir with so much was put in; only when nothing is delivered."""
        self._check_range(volume_u, 0.0, math.inf)
        if self._basal.on or self._bolus_trains or self._prime_train:
            raise PumpRefusal("conflict", "the pump delivers")
        self.reservoir_u = volume_u
        self._metering.install()

    def raise_alarm(self, code: str) -> None:
        """Raise an alarm; all but warnings stop and block delivery."""
        now_s = self._now()
        self._alarms.raise_alarm(code, self.clock_s(now_s))
        self._truth.note(now_s, "alarm", code=code)
        if self._alarms.blocking:
            self.stop()

    def acknowledge(self) -> None:
        """Acknowledge every alarm; delivery stays stopped until it is started again."""
        self._alarms.acknowledge()

    # -- what happens by itself

    def next_event_s(self) -> float:
        """Return when the pump does something by itself."""
        return self._next_s

    def run_due(self) -> None:
        """Do what is due at the world's present: pulses first, then what changes the rate, then alarms."""
        now_s = self._now()
        if self._basal.next_pulse_s <= now_s + _TOGETHER_S:
            self._basal.give()
            self._pulse("basal", self._basal.size_u, 1.0)
        self._run_bolus(now_s)
        self._run_prime(now_s)
        if self._basal.temporary is not None and self._basal.temporary.end_s <= now_s:
            self._basal.temporary = None
            self._new_rate()
        elif self._basal.on and self._change_s <= now_s:
            self._new_rate()
        if self._occlusion_s <= now_s:
            self._occlusion_s = math.inf
            self.raise_alarm("OCCLUSION")
        while self._battery_marks and self._battery_marks[0][0] <= now_s:
            self.raise_alarm(self._battery_marks.popleft()[1])
        self._plan()

    def _run_bolus(self, now_s: float) -> None:
        if self._suspended or not self._bolus_trains or self._bolus_trains[0].next_s > now_s:
            return
        train = self._bolus_trains[0]
        self._bolus_delivered_u = round(self._bolus_delivered_u + self.bolus_increment_u, _COUNTED_DIGITS)
        self._pulse("bolus", self.bolus_increment_u, train.give())
        if self._bolus_trains and train.finished:
            self._bolus_trains.popleft()
            if self._bolus_trains:
                self._bolus_trains[0].start(now_s)
            else:
                self._bolus_kind = "IDLE"

    def _run_prime(self, now_s: float) -> None:
        train = self._prime_train
        if train is None or train.next_s > now_s:
            return
        self._pulse("prime", self.bolus_increment_u, train.give())
        if train.finished:
            self._prime_train = None

    def _pulse(self, stream: Stream, size_u: float, part: float) -> None:
        """Let the motor give a pulse, count it, and look for an occlusion and an empty reservoir."""
        now_s = self._now()
        commanded_ul = size_u * self._ul_per_u
        metered_ul = 0.0
        if part > 0.0 and self._line.pressure_kpa(now_s) < self._stall_kpa:
            metered_ul = self._metering.meter(commanded_ul * part, now_s)
        self._truth.pulse(now_s, stream, commanded_ul, metered_ul)
        if metered_ul > 0.0:
            self._line.inject(metered_ul, now_s)
        self.delivered_u[stream] = round(self.delivered_u[stream] + size_u, _COUNTED_DIGITS)
        self._pulses += 1
        self._count_reservoir(size_u)
        if self._line.pressure_kpa(now_s) >= self._thresholds_kpa[self._level] and not self._mute:
            self._occlusion_s = min(self._occlusion_s, now_s + self._latency_s)
        if self._false_every and self._pulses % self._false_every == 0:
            self.raise_alarm("OCCLUSION")

    def _count_reservoir(self, size_u: float) -> None:
        before_u = self.reservoir_u
        self.reservoir_u = max(0.0, round(before_u - size_u, _COUNTED_DIGITS))
        if self.reservoir_u <= self._low_reservoir_u < before_u:
            self.raise_alarm("LOWRES")
        if self.reservoir_u < self.basal_increment_u - _RESERVOIR_SLACK_U:
            self.raise_alarm("EMPTY")

    def _conditions(self) -> list[str]:
        present = {
            "EMPTY": self.reservoir_u < self.basal_increment_u - _RESERVOIR_SLACK_U,
            "LOWRES": self.reservoir_u <= self._low_reservoir_u,
            "LOWBATT": self.battery_pct <= self._low_battery_pct,
            "BATTERY": self.battery_pct <= 0.0,
        }
        return [code for code, here in present.items() if here]

    # -- helpers

    def _start_bolus(self, kind: str, parts: list[tuple[float, float]]) -> None:
        counts = [self._pulses_of(volume_u, self.bolus_maximum_u) for volume_u, _ in parts]
        total_u = sum(volume_u for volume_u, _ in parts)
        self._check_range(total_u, self.bolus_increment_u, self.bolus_maximum_u)
        for count, (_, duration_s) in zip(counts, parts, strict=True):
            if duration_s or kind == "EXT":
                self._check_range(duration_s, count * self._bolus_step_s, _LONGEST_S)
        self._check_may_start()
        if self._bolus_trains or self._prime_train:
            raise PumpRefusal("conflict", "a bolus or a prime is under way")
        self._check_contents(total_u)
        self.boluses_started += 1
        dropped = self._bolus_dropped_every and self.boluses_started % self._bolus_dropped_every == 0
        faithful = 0.0 if dropped else self._bolus_share
        self._bolus_trains.extend(
            PulseTrain(count, duration_s / count if duration_s else self._bolus_step_s, faithful)
            for count, (_, duration_s) in zip(counts, parts, strict=True)
        )
        self._bolus_trains[0].start(self._now())
        self._bolus_kind, self._bolus_programmed_u, self._bolus_delivered_u = kind, total_u, 0.0
        self._plan()

    def _pulses_of(self, volume_u: float, maximum_u: float) -> int:
        self._check_range(volume_u, 0.0, maximum_u)
        pulses = volume_u / self.bolus_increment_u
        if abs(pulses - round(pulses)) > _STEP_SLACK * max(1.0, pulses):
            raise PumpRefusal("step", f"{volume_u} U is no multiple of {self.bolus_increment_u} U")
        if round(pulses) < 1:
            raise PumpRefusal("range", f"{volume_u} U is less than {self.bolus_increment_u} U")
        return round(pulses)

    @staticmethod
    def _check_range(value: float, lower: float, upper: float) -> None:
        if not lower <= value <= upper:
            raise PumpRefusal("range", f"{value} is not from {lower} to {upper}")

    def _check_may_start(self) -> None:
        if self._alarms.blocking or self._suspended:
            raise PumpRefusal("conflict", "delivery is blocked by an alarm, or suspended")

    def _check_contents(self, volume_u: float) -> None:
        if self.reservoir_u + _RESERVOIR_SLACK_U < volume_u:
            raise PumpRefusal("empty", f"the reservoir holds {self.reservoir_u} U")

    @staticmethod
    def _told(temporary: Temporary) -> tuple[str, float]:
        return temporary.kind, temporary.value

    def _new_rate(self) -> None:
        if not self._suspended:
            self._basal.restart(self._now())
        self._plan()

    def _plan(self) -> None:
        """Find out what happens next."""
        self._change_s = self._basal.next_change_s(self._now())
        bolus_s = self._bolus_trains[0].next_s if self._bolus_trains and not self._suspended else math.inf
        self._next_s = min(
            self._basal.next_pulse_s,
            bolus_s,
            self._prime_train.next_s if self._prime_train else math.inf,
            self._change_s,
            self._occlusion_s,
            self._battery_marks[0][0] if self._battery_marks else math.inf,
        )
