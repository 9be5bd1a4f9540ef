"""What a drive tells the pump, and how that is recorded.

Every event has `sent_s` and `acknowledged_s`, between which the pump took the command; where a person carried it out,
`by_hand` says by which rule those instants are known. Volumes are in µL, rates in µL/h.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from bench.procedures.base import Stage
from drivers.roles import (
    BolusStatus,
    CarriesOutByHand,
    DeliversExtendedBolus,
    DeliversProfile,
    DeliversTemporaryBasal,
    OcclusionLevel,
    Primes,
    SetsOcclusionLevel,
    Suspends,
    TakesReservoir,
)

BASAL = "basal commanded"
BASAL_STOPPED = "basal stopped"
PROFILE = "profile commanded"
TEMPORARY = "temporary basal commanded"
TEMPORARY_CANCELLED = "temporary basal cancelled"
SUSPENDED = "delivery suspended"
RESUMED = "delivery resumed"
BOLUS = "bolus commanded"
BOLUS_DONE = "bolus done"
EXTENDED_BOLUS = "extended bolus commanded"
BOLUS_CANCELLED = "bolus cancelled"
PRIME = "prime commanded"
RESERVOIR_TOLD = "reservoir told"
OCCLUSION_LEVEL = "occlusion level set"
DELIVERIES = frozenset({BASAL, BOLUS, PROFILE, EXTENDED_BOLUS, PRIME})
"""Events with which liquid begins to come."""


def start_profile(stage: Stage, segments: Sequence[tuple[float, float]], into_day_s: float = 0.0) -> None:
    """Start a daily profile of `(start_s, rate_ul_per_h)`, the first at 0, counted from this command on.

    `into_day_s` is where in the plan's day that is, for words.
    """
    pump = stage.pump_as(DeliversProfile)
    told = [[start_s, rate_ul_per_h] for start_s, rate_ul_per_h in segments]
    tell(stage, PROFILE, lambda: pump.start_profile(segments), segments=told, into_day_s=into_day_s)


def start_temporary_percent(stage: Stage, percent: float, duration_s: float) -> None:
    """Start a temporary basal of a percentage of the basal rate."""
    pump = stage.pump_as(DeliversTemporaryBasal)
    tell(
        stage,
        TEMPORARY,
        lambda: pump.start_temporary_basal(percent, duration_s),
        percent=percent,
        duration_s=duration_s,
    )


def start_temporary_rate(stage: Stage, rate_ul_per_h: float, duration_s: float) -> None:
    """Start a temporary basal of a rate of its own."""
    pump = stage.pump_as(DeliversTemporaryBasal)
    tell(
        stage,
        TEMPORARY,
        lambda: pump.start_temporary_rate(rate_ul_per_h, duration_s),
        rate_ul_per_h=rate_ul_per_h,
        duration_s=duration_s,
    )


def cancel_temporary(stage: Stage) -> None:
    """Return to the basal rate."""
    tell(stage, TEMPORARY_CANCELLED, stage.pump_as(DeliversTemporaryBasal).cancel_temporary_basal)


def suspend(stage: Stage) -> None:
    """Suspend all delivery, settings kept."""
    tell(stage, SUSPENDED, stage.pump_as(Suspends).suspend)


def resume(stage: Stage) -> None:
    """Resume what was suspended."""
    tell(stage, RESUMED, stage.pump_as(Suspends).resume)


def start_extended_bolus(stage: Stage, index: int, now_ul: float, extended_ul: float, duration_s: float) -> None:
    """Start a square-wave bolus, or a dual-wave one where something is to come at once."""
    pump = stage.pump_as(DeliversExtendedBolus)
    tell(
        stage,
        EXTENDED_BOLUS,
        lambda: pump.start_extended_bolus(now_ul, extended_ul, duration_s),
        index=index,
        now_ul=now_ul,
        extended_ul=extended_ul,
        duration_s=duration_s,
    )


def prime(stage: Stage, volume_ul: float) -> None:
    """Start a prime of the tubing."""
    pump = stage.pump_as(Primes)
    tell(stage, PRIME, lambda: pump.prime(volume_ul), volume_ul=volume_ul)


def tell_reservoir(stage: Stage, volume_ul: float) -> None:
    """Tell the pump what its reservoir holds."""
    pump = stage.pump_as(TakesReservoir)
    tell(stage, RESERVOIR_TOLD, lambda: pump.reservoir_filled(volume_ul), volume_ul=volume_ul)


def set_occlusion_level(stage: Stage, level: OcclusionLevel) -> None:
    """Set the threshold of the pump's occlusion alarm."""
    pump = stage.pump_as(SetsOcclusionLevel)
    tell(stage, OCCLUSION_LEVEL, lambda: pump.set_occlusion_level(level), level=level.value)


def tell(stage: Stage, kind: str, command: Callable[[], None], **data: Any) -> None:
    """Do a command and record an event of it with its data."""
    stage.event(kind, **data, **timed(stage, command))


def timed(stage: Stage, command: Callable[[], None]) -> dict[str, Any]:
    """Do a command; return between which instants the pump took it, as an event tells that."""
    sent_s = stage.clock.now_s()
    command()
    acknowledged_s = stage.clock.now_s()
    if isinstance(stage.pump, CarriesOutByHand):
        done = stage.pump.carried_out()
        if done is not None and done.earliest_s >= sent_s:  # else there was nothing to be done
            return {"sent_s": done.earliest_s, "acknowledged_s": done.latest_s, "by_hand": done.rule}
    return {"sent_s": sent_s, "acknowledged_s": acknowledged_s}


def ended(status: BolusStatus) -> dict[str, Any]:
    """Return what an event tells of a bolus that is over: its volume, or that it went by the label."""
    return {"by_label": True} if math.isnan(status.delivered_ul) else {"reported_ul": status.delivered_ul}
