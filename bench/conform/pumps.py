"""Checks of pumps; those that move deliver a few µL each, and leave the pump stopped."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

from bench.conform.everyone import a_number
from bench.conform.model import Check, LeftOutError, Subject, UnfitError, expect
from drivers.errors import InstrumentError
from drivers.roles import (
    FLOWING,
    Alarm,
    BolusStatus,
    DeliversBasal,
    DeliversBolus,
    DeliversExtendedBolus,
    DeliversProfile,
    DeliversTemporaryBasal,
    DeliveryState,
    HasWatchdog,
    MeasuresLinePressure,
    OcclusionLevel,
    Primes,
    RaisesAlarms,
    ReportsDelivery,
    SetsOcclusionLevel,
    Suspends,
)

_STANDS_STILL_S = 5.0
_CLOCK_S = 2.0
_WATCHDOG_S = 5.0
_LEAST_KPA, _MOST_KPA = -100.0, 1000.0
_SHARE = 0.02
"""A counter may round: by so much of a bolus it may be off."""


def _tells_state(subject: Subject) -> None:
    found = subject.instrument.state()
    expect(isinstance(found, DeliveryState), f"state() returns {found!r}, no DeliveryState")


def _concentration(subject: Subject) -> None:
    found = subject.instrument.concentration_u_per_ml
    if found is not None:
        expect(1.0 <= a_number(found, "concentration_u_per_ml") <= 1000.0, f"it is set to U-{found:g}")


def _counts(subject: Subject) -> None:
    pump = subject.instrument
    expect(a_number(pump.delivered_ul(), "delivered_ul()") >= 0.0, "it has delivered less than nothing")
    # NaN where the pump does not tell.
    expect(not a_number(pump.reservoir_ul(), "reservoir_ul()") < 0.0, "its reservoir holds less than nothing")
    charge_pct = a_number(pump.battery_pct(), "battery_pct()")
    expect(math.isnan(charge_pct) or 0.0 <= charge_pct <= 100.0, f"its battery has {charge_pct} %")


def _clock(subject: Subject) -> None:
    pump, clock = subject.instrument, subject.clock
    before_s, first_s = clock.now_s(), a_number(pump.pump_time_s(), "pump_time_s()")
    if math.isnan(first_s):
        raise LeftOutError("the pump tells no time: alarms are dated by when they were read")
    subject.wait_s(_CLOCK_S)
    gone_s = clock.now_s() - before_s
    passed_s = pump.pump_time_s() - first_s
    expect(
        gone_s - 1.5 <= passed_s <= gone_s + 1.5, f"in {gone_s:.1f} s its clock went {passed_s:.1f} s: is that seconds?"
    )


def _bolus_told(subject: Subject) -> None:
    found = subject.instrument.bolus_status()
    expect(isinstance(found, BolusStatus), f"bolus_status() returns {found!r}, no BolusStatus")


def _level_told(subject: Subject) -> None:
    found = subject.instrument.occlusion_level()
    expect(isinstance(found, OcclusionLevel), f"occlusion_level() returns {found!r}, no OcclusionLevel")


def _pressure_told(subject: Subject) -> None:
    found_kpa = a_number(subject.instrument.line_pressure_kpa(), "line_pressure_kpa()")
    if math.isnan(found_kpa):
        raise LeftOutError("the pump has no pressure to tell now")
    expect(
        _LEAST_KPA < found_kpa < _MOST_KPA, f"the pressure in its line is {found_kpa:g} kPa: is that kPa above ambient?"
    )


def _stops(subject: Subject) -> None:
    for _ in range(2):
        subject.instrument.stop()
        _expect_still(subject)


def _expect_still(subject: Subject) -> None:
    state = subject.instrument.state()
    expect(state not in FLOWING, f"after stop() it says that it is {state.value!r}")


def _alarms(subject: Subject) -> None:
    pump = subject.instrument
    taken = pump.take_alarms()
    expect(isinstance(taken, list) and all(isinstance(each, Alarm) for each in taken), f"returns {taken!r}, no alarms")
    sequences = [each.sequence for each in taken]
    expect(sequences == sorted(set(sequences)), f"alarms are numbered {sequences}")
    again = [each.sequence for each in pump.take_alarms()]
    expect(not set(again) & set(sequences), f"alarm {again} was given twice")
    pump.acknowledge_alarms()
    expect(pump.state() is not DeliveryState.ALARM, "it is in alarm after its alarms were acknowledged")


def _basal(subject: Subject) -> None:
    pump = subject.instrument
    pump.start_basal(subject.rate_ul_per_h)
    expect(pump.state() is DeliveryState.BASAL, f"told a basal rate, it says that it is {pump.state().value!r}")
    pump.start_basal(0.5 * subject.rate_ul_per_h)
    expect(pump.state() is DeliveryState.BASAL, "told another basal rate, it stops")
    pump.stop()
    _expect_still(subject)


def _basal_counted(subject: Subject) -> None:
    pump, clock, rate = subject.instrument, subject.clock, subject.rate_ul_per_h
    began_s, first_ul = clock.now_s(), pump.delivered_ul()
    pump.start_basal(rate)
    counts = [first_ul]

    def came() -> bool:
        counts.append(pump.delivered_ul())
        expect(counts[-1] >= counts[-2], f"its count goes back, from {counts[-2]:g} µL to {counts[-1]:g} µL")
        return len({count for count in counts if count > first_ul}) >= 2

    expect(subject.until(came, subject.patience_s), f"at {rate:g} µL/h it counts nothing in {subject.patience_s:g} s")
    delivered_ul, due_ul = counts[-1] - first_ul, rate * (clock.now_s() - began_s) / 3600.0
    pump.stop()
    step_ul = max(b - a for a, b in itertools.pairwise(counts))
    expect(
        abs(delivered_ul - due_ul) <= 1.5 * step_ul + 0.1 * due_ul,
        f"it counts {delivered_ul:.3g} µL where {due_ul:.3g} µL were due: is the rate in µL/h, the count in µL?",
    )


def _stop_is_stop(subject: Subject) -> None:
    pump = subject.instrument
    pump.start_basal(subject.rate_ul_per_h)
    pump.stop()
    subject.wait_s(1.0)
    first_ul = pump.delivered_ul()
    subject.wait_s(_STANDS_STILL_S)
    expect(pump.delivered_ul() == first_ul, f"stopped, it counts {pump.delivered_ul() - first_ul:.3g} µL more")


def _bolus(subject: Subject) -> None:
    pump, wanted_ul = subject.instrument, subject.bolus_ul
    first_ul = pump.delivered_ul() if isinstance(pump, ReportsDelivery) else None
    pump.start_bolus(wanted_ul)
    status = pump.bolus_status()
    _expect_volume(status.programmed_ul, wanted_ul, "says that it is programmed for")
    done = subject.until(lambda: not pump.bolus_status().active, subject.patience_s)
    expect(done, f"a bolus of {wanted_ul:g} µL is not over after {subject.patience_s:g} s")
    _expect_volume(pump.bolus_status().delivered_ul, wanted_ul, "says that it delivered")
    if first_ul is not None:
        _expect_volume(pump.delivered_ul() - first_ul, wanted_ul, "counts")
    expect(pump.state() is not DeliveryState.BOLUS, "its bolus is over, and it says that it delivers one")


def _expect_volume(found_ul: float, wanted_ul: float, what: str) -> None:
    fits = abs(found_ul - wanted_ul) <= _SHARE * wanted_ul + 0.01
    expect(fits, f"of {wanted_ul:g} µL it {what} {found_ul:.4g} µL: are volumes in µL?")


def _bolus_cancelled(subject: Subject) -> None:
    pump = subject.instrument
    pump.start_bolus(subject.bolus_ul)
    pump.cancel_bolus()
    over = subject.until(lambda: not pump.bolus_status().active, 5.0)
    expect(over, "a bolus goes on after it was cancelled")
    pump.cancel_bolus()


def _bolus_stopped(subject: Subject) -> None:
    pump = subject.instrument
    pump.start_bolus(subject.bolus_ul)
    pump.stop()
    _expect_still(subject)
    over = subject.until(lambda: not pump.bolus_status().active, 5.0)
    expect(over, "a bolus goes on after stop()")


def _nonsense(subject: Subject) -> None:
    for what, command in (("bolus", "start_bolus"), ("basal rate", "start_basal")):
        act = getattr(subject.instrument, command, None)
        if act is None:
            continue
        try:
            act(-1.0)
        except InstrumentError:
            pass
        except Exception as error:
            raise UnfitError(f"a negative {what} raises {type(error).__name__}, which is no InstrumentError") from error
        else:
            raise UnfitError(f"takes a negative {what}")
        _expect_still(subject)


def _extended(subject: Subject) -> None:
    pump = subject.instrument
    for now_ul in (0.0, 0.4 * subject.bolus_ul):
        pump.start_extended_bolus(now_ul, subject.bolus_ul - now_ul, 1800.0)
        _expect_volume(pump.bolus_status().programmed_ul, subject.bolus_ul, "says that it is programmed for")
        pump.stop()
        _expect_still(subject)


def _temporary(subject: Subject) -> None:
    pump = subject.instrument
    pump.start_basal(subject.rate_ul_per_h)
    pump.start_temporary_basal(50.0, 1800.0)
    expect(pump.state() is DeliveryState.BASAL, f"with a temporary basal it is {pump.state().value!r}")
    pump.cancel_temporary_basal()
    pump.start_temporary_rate(0.5 * subject.rate_ul_per_h, 1800.0)
    pump.cancel_temporary_basal()
    expect(pump.state() is DeliveryState.BASAL, "after its temporary basal was cancelled it does not go on")
    pump.stop()


def _profile(subject: Subject) -> None:
    pump, rate = subject.instrument, subject.rate_ul_per_h
    pump.start_profile([(0.0, rate), (6.0 * 3600.0, 0.5 * rate), (12.0 * 3600.0, rate)])
    expect(pump.state() is DeliveryState.BASAL, f"with a profile it is {pump.state().value!r}")
    pump.stop()
    _expect_still(subject)


def _suspends(subject: Subject) -> None:
    pump = subject.instrument
    pump.start_basal(subject.rate_ul_per_h)
    pump.suspend()
    expect(pump.state() is DeliveryState.SUSPENDED, f"suspended, it says that it is {pump.state().value!r}")
    pump.resume()
    expect(pump.state() is DeliveryState.BASAL, f"resumed, it says that it is {pump.state().value!r}")
    pump.stop()


def _primes(subject: Subject) -> None:
    pump = subject.instrument
    pump.prime(subject.bolus_ul)
    over = subject.until(lambda: pump.state() is not DeliveryState.PRIMING, subject.patience_s)
    expect(over, f"a prime of {subject.bolus_ul:g} µL is not over after {subject.patience_s:g} s")
    pump.stop()


def _levels(subject: Subject) -> None:
    pump = subject.instrument
    was = pump.occlusion_level()
    try:
        for level in OcclusionLevel:
            pump.set_occlusion_level(level)
            expect(pump.occlusion_level() is level, f"set to {level.value}, it says {pump.occlusion_level().value}")
    finally:
        pump.set_occlusion_level(was)


def _watchdog(subject: Subject) -> None:
    pump, clock = subject.instrument, subject.clock
    pump.start_basal(subject.rate_ul_per_h)
    pump.arm_watchdog(_WATCHDOG_S)
    clock.sleep_s(0.5 * _WATCHDOG_S)
    expect(pump.state() in FLOWING, "it stops before its host was silent for so long")
    clock.sleep_s(_WATCHDOG_S + 3.0)
    state = pump.state()
    pump.disarm_watchdog()
    if isinstance(pump, RaisesAlarms):
        pump.acknowledge_alarms()
    expect(state not in FLOWING, f"its host was silent for {_WATCHDOG_S + 3.0:g} s, and it is {state.value!r}")
    pump.stop()


_COUNTED = (DeliversBasal, ReportsDelivery)
_EXTENDED = (DeliversExtendedBolus, DeliversBolus)
_TEMPORARY = (DeliversTemporaryBasal, DeliversBasal)

_READ_ONLY = (
    Check("state", "it tells what it is doing", _tells_state),
    Check("concentration", "what U stands for is known, or it counts in volume", _concentration),
    Check(
        "counters", "it counts what it delivered, and knows reservoir and battery", _counts, False, (ReportsDelivery,)
    ),
    Check("clock", "its clock counts seconds: alarms can be dated", _clock, needs=(RaisesAlarms,)),
    Check("bolus state", "it tells how far its last bolus came", _bolus_told, needs=(DeliversBolus,)),
    Check("line pressure", "it tells the pressure in its line", _pressure_told, needs=(MeasuresLinePressure,)),
    Check("occlusion level", "it tells the threshold of its occlusion alarm", _level_told, needs=(SetsOcclusionLevel,)),
)


def _moving(name: str, proves: str, run: Callable[[Subject], None], *needs: type) -> Check:
    return Check(name, proves, run, moves=True, needs=needs)


PUMP = (
    *_READ_ONLY,
    _moving("stop", "it can be stopped, also when it stands still", _stops),
    _moving("alarms", "alarms are given once each, in order, and can be acknowledged", _alarms, RaisesAlarms),
    _moving("basal", "it delivers a basal rate, takes another, and stops", _basal, DeliversBasal),
    _moving("basal counted", "rates are in µL/h: what it counts is what was due", _basal_counted, *_COUNTED),
    _moving("stands still", "once stopped it counts nothing more", _stop_is_stop, *_COUNTED),
    _moving("bolus", "volumes are in µL: programmed, delivered, counted are what was asked", _bolus, DeliversBolus),
    _moving("bolus cancelled", "a bolus can be cancelled, also when there is none", _bolus_cancelled, DeliversBolus),
    _moving("bolus stopped", "stop() ends a bolus", _bolus_stopped, DeliversBolus),
    _moving("nonsense", "a negative volume or rate is refused, and nothing moves", _nonsense),
    _moving("extended bolus", "square and dual waves are programmed as asked", _extended, *_EXTENDED),
    _moving("temporary basal", "a temporary basal begins and is cancelled", _temporary, *_TEMPORARY),
    _moving("profile", "a daily profile begins", _profile, DeliversProfile),
    _moving("suspension", "it is suspended and resumes", _suspends, Suspends, DeliversBasal),
    _moving("prime", "it primes and ends by itself", _primes, Primes),
    _moving("occlusion levels", "each threshold is set and read back", _levels, SetsOcclusionLevel),
    _moving("watchdog", "it stops by itself when its host falls silent", _watchdog, HasWatchdog, DeliversBasal),
)
