"""A stage for `drive()` in simulated time, with a pump and an occluder that do as they are told and keep a log."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bench.clock import Clock, SimulatedClock
from bench.procedures.base import Context
from drivers.errors import InstrumentError
from drivers.roles import (
    Alarm,
    BolusStatus,
    DeliveryState,
    Identity,
    OcclusionLevel,
    OperatorAnswer,
    OperatorRequest,
    PowerSupply,
)

Capability = TypeVar("Capability")


class RefusedError(InstrumentError):
    """The pump does not take the command."""

    def __init__(self) -> None:
        Exception.__init__(self, "pump: refused")


@dataclass
class StagedPump:
    """A pump that delivers 0.25 µL/s and raises the alarms that it is told to, `alarms` as (time, code)."""

    clock: Clock
    alarms_due: list[tuple[float, str]] = field(default_factory=list)
    bolus_lasts_s: float | None = None
    log: list[str] = field(default_factory=list)
    concentration_u_per_ml: float | None = 100.0
    level: OcclusionLevel = OcclusionLevel.MEDIUM
    _bolus: tuple[float, float, float] | None = None
    _blocked: bool = False
    _cancelled_s: float = float("inf")

    def raised(self) -> list[Alarm]:
        due = [each for each in self.alarms_due if each[0] <= self.clock.now_s()]
        self._blocked = self._blocked or any(code not in ("LOWRES", "LOWBATT") for _, code in due)
        return [Alarm(i, code, "told so", at_s, self.clock.now_s()) for i, (at_s, code) in enumerate(due, start=1)]

    def identify(self) -> Identity:
        return Identity("made", "staged", "1")

    def close(self) -> None:
        self.log.append("close")

    def start_basal(self, rate_ul_per_h: float) -> None:
        self.log.append(f"basal {rate_ul_per_h:g}")

    def start_bolus(self, volume_ul: float) -> None:
        self.raised()
        if self._blocked:
            raise RefusedError
        self.log.append(f"bolus {volume_ul:g}")
        self._begin(volume_ul, volume_ul / 0.25 if self.bolus_lasts_s is None else self.bolus_lasts_s)

    def start_extended_bolus(self, now_ul: float, extended_ul: float, duration_s: float) -> None:
        self.log.append(f"extended {now_ul:g} {extended_ul:g} {duration_s:g}")
        self._begin(now_ul + extended_ul, now_ul / 0.25 + duration_s)

    def _begin(self, volume_ul: float, lasting_s: float) -> None:
        self._bolus = (self.clock.now_s(), lasting_s, volume_ul)
        self._cancelled_s = float("inf")

    def bolus_status(self) -> BolusStatus:
        self.raised()
        if self._bolus is None:
            return BolusStatus(False, 0.0, 0.0)
        begun_s, lasting_s, volume_ul = self._bolus
        until_s = min(self.clock.now_s(), self._cancelled_s)
        active = until_s < min(begun_s + lasting_s, self._cancelled_s) and not self._blocked
        return BolusStatus(active, volume_ul, volume_ul * min(1.0, (until_s - begun_s) / lasting_s))

    def cancel_bolus(self) -> None:
        self.log.append("cancel")
        self._cancelled_s = self.clock.now_s()

    def stop(self) -> None:
        self.log.append("stop")
        self._bolus = None

    def state(self) -> DeliveryState:
        return DeliveryState.ALARM if self._blocked else DeliveryState.BASAL

    def pump_time_s(self) -> float:
        return 100.0 + self.clock.now_s()

    def take_alarms(self) -> list[Alarm]:
        return []

    def acknowledge_alarms(self) -> None:
        self.log.append("acknowledge")

    def occlusion_level(self) -> OcclusionLevel:
        return self.level

    def set_occlusion_level(self, level: OcclusionLevel) -> None:
        self.log.append(f"level {level.value}")
        self.level = level


@dataclass
class StagedOccluder:
    """An occluder that writes into the pump's log."""

    log: list[str]

    def identify(self) -> Identity:
        return Identity("made", "occluder", "1")

    def close(self) -> None:
        self.log.append("close")

    def occlude(self) -> None:
        self.log.append("occlude")

    def release(self) -> None:
        self.log.append("release")

    def is_occluded(self) -> bool:
        return "occlude" in self.log


class Waits:
    """The part of a stage that lets simulated time pass and has no sensor."""

    clock: Clock

    def wait_s(self, duration_s: float, activity: str) -> None:
        del activity
        self.clock.sleep_s(duration_s)

    def wait_until(self, done: Callable[[], bool], timeout_s: float, activity: str, poll_s: float = 1.0) -> bool:
        del activity
        end_s = self.clock.now_s() + timeout_s
        while not done():
            if self.clock.now_s() >= end_s:
                return False
            self.clock.sleep_s(min(poll_s, end_s - self.clock.now_s()))
        return True

    def wait_unpowered_s(self, duration_s: float, activity: str) -> None:
        self.wait_s(duration_s, activity)

    def await_pump(self, timeout_s: float, activity: str) -> bool:
        self.wait_s(min(3.0, timeout_s), activity)
        return True

    @property
    def power(self) -> PowerSupply:
        raise TypeError("there is no power supply")

    def latest(self, channel: str) -> float:
        del channel
        return float("nan")

    def ask(self, request: OperatorRequest) -> OperatorAnswer:
        """Answer after 20 s that it was done."""
        del request
        self.clock.sleep_s(20.0)
        return OperatorAnswer(True, "", self.clock.now_s())


class Staged(Waits):
    """The stage itself: waits advance its clock, events are kept."""

    def __init__(
        self, context: Context, alarms: Sequence[tuple[float, str]] = (), bolus_lasts_s: float | None = None
    ) -> None:
        self.clock: Clock = SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
        self.context = context
        self.pump = StagedPump(self.clock, list(alarms), bolus_lasts_s)
        self.occluder = StagedOccluder(self.pump.log)
        self.events: list[tuple[float, str, dict[str, Any]]] = []
        self.alarms_hidden_until_s = 0.0

    @property
    def doser(self) -> StagedPump:
        return self.pump

    def pump_as(self, capability: type[Capability]) -> Capability:
        assert isinstance(self.pump, capability)
        return self.pump

    def event(self, kind: str, **data: Any) -> float:
        self.events.append((self.clock.now_s(), kind, data))
        return self.clock.now_s()

    def alarms(self) -> Sequence[Alarm]:
        return [] if self.clock.now_s() < self.alarms_hidden_until_s else self.pump.raised()

    def kinds(self) -> list[str]:
        return [kind for _, kind, _ in self.events]

    def data(self, kind: str) -> list[dict[str, Any]]:
        return [data for _, name, data in self.events if name == kind]
