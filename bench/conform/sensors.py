"""Checks of balances, pressure and climate sensors, occluders, supplies and alarm inputs."""

from __future__ import annotations

import itertools
import math
from typing import Any

from bench.conform.everyone import a_number, within_call
from bench.conform.model import Check, LeftOutError, Subject, UnfitError, expect
from drivers.errors import InstrumentError, RefusedError
from drivers.roles import AdjustsInternally, AlarmSignal, Climate, FeelsItsValve, Reading, TellsItsRange

STREAMED = 10
SILENCE_S = 5.0
_WEIGHING = ("stable", "dynamic", "overload", "underload", "busy")
_SWITCHING_S = 1.0
_LOOK_S = 1.0
_PLAUSIBLE = (("temperature_c", -20.0, 60.0), ("pressure_hpa", 500.0, 1200.0), ("humidity_pct", 0.0, 105.0))


def _reading(found: Any, statuses: tuple[str, ...] = ()) -> Reading:
    if not isinstance(found, Reading):
        raise UnfitError(f"returns {found!r}, no Reading")
    a_number(found.value, "its value")
    expect(not statuses or found.status in statuses, f"its status is {found.status!r}, none of {', '.join(statuses)}")
    given = math.isfinite(found.value)
    expect(
        given == (found.status in ("stable", "dynamic", "ok")) or not statuses,
        f"a reading of {found.value} has status {found.status!r}",
    )
    return found


# -- balances


def _weighs(subject: Subject) -> None:
    for _ in range(3):
        _reading(within_call(subject, subject.instrument.read, "a reading"), _WEIGHING)


def _settles(subject: Subject) -> None:
    found = _reading(subject.instrument.read_stable(), _WEIGHING)
    expect(found.status == "stable", f"read_stable() returns a reading that is {found.status}")


def _streams(subject: Subject) -> None:
    balance, clock = subject.instrument, subject.clock
    balance.start_stream()
    stamps = []
    for _ in range(STREAMED):
        found = balance.next_reading(clock.now_s() + SILENCE_S)
        expect(found is not None, f"nothing comes for {SILENCE_S:g} s while it streams")
        stamps.append(_reading(found, _WEIGHING).time_s)
    expect(all(a < b for a, b in itertools.pairwise(stamps)), "streamed readings are not later and later")
    late_s = clock.now_s() - stamps[-1]
    expect(-0.001 <= late_s <= SILENCE_S, f"the last is stamped {late_s:.3f} s before it was given")
    _reading(balance.read(), _WEIGHING)
    balance.stop_stream()
    balance.identify()
    began_s = clock.now_s()
    try:
        left = balance.next_reading(began_s + 1.0)
    except InstrumentError:
        return
    expect(left is None, "readings go on coming after stop_stream()")


def _waits(subject: Subject) -> None:
    balance, clock = subject.instrument, subject.clock
    balance.start_stream()
    balance.next_reading(clock.now_s() + SILENCE_S)
    for _ in range(1000):
        began_s = clock.now_s()
        if balance.next_reading(began_s) is None:
            break
    else:
        raise UnfitError("asked for no longer than now, it always has another reading")
    took_s = clock.now_s() - began_s
    expect(took_s <= 1.0, f"asked for no longer than now, it waits for {took_s:.1f} s")
    balance.stop_stream()


def _range(subject: Subject) -> None:
    found = subject.instrument.weighing_range()
    expect(not found.readability_g <= 0.0, f"its readability is {found.readability_g} g")
    expect(not found.maximum_g <= 0.0, f"its maximum is {found.maximum_g} g")
    expect(not found.readability_g >= found.maximum_g, "its readability is more than its maximum")


def _tares(subject: Subject) -> None:
    balance = subject.instrument
    balance.tare()
    found = _reading(balance.read_stable(), _WEIGHING)
    expect(abs(found.value) < 0.1, f"after tare() it shows {found.value} g")


def _adjusts(subject: Subject) -> None:
    try:
        subject.instrument.adjust()
    except RefusedError as refusal:
        raise LeftOutError(f"refused, as it may: {refusal}") from refusal
    _weighs(subject)


BALANCE = (
    Check("weighing", "readings are in the role's form, stamped by the run's clock as they come", _weighs),
    Check("settling", "a reading that is asked for stable is stable", _settles),
    Check("streaming", "it streams, can be asked meanwhile, and is still when it is told to", _streams),
    Check("deadline", "waiting for a reading ends when it should", _waits),
    Check("range", "its readability and maximum make sense", _range, needs=(TellsItsRange,)),
    Check("tare", "after tare() it shows about nothing", _tares, moves=True),
    Check("adjustment", "it adjusts itself and weighs afterwards", _adjusts, moves=True, needs=(AdjustsInternally,)),
)

# -- pressure and climate


def _presses(subject: Subject) -> None:
    for _ in range(3):
        _reading(within_call(subject, subject.instrument.read, "a reading"))


def _breathes(subject: Subject) -> None:
    found = within_call(subject, subject.instrument.read, "a reading")
    expect(isinstance(found, Climate), f"returns {found!r}, no Climate")
    for name, low, high in _PLAUSIBLE:
        value = a_number(getattr(found, name), name)
        expect(math.isnan(value) or low <= value <= high, f"{name} is {value}: is that its unit?")


PRESSURE = (Check("reading", "readings are in the role's form, stamped by the run's clock as they come", _presses),)
CLIMATE = (Check("reading", "values are plausible in the role's units, or NaN where there is no channel", _breathes),)

# -- occluder and supply


def _tells_state(subject: Subject) -> None:
    found = subject.instrument.is_occluded()
    expect(isinstance(found, bool), f"is_occluded() returns {found!r}")
    expect(subject.instrument.is_occluded() is found, "asked twice, it says otherwise")


def _switches(subject: Subject) -> None:
    occluder = subject.instrument
    try:
        for shut in (True, False, True, False):
            (occluder.occlude if shut else occluder.release)()
            expect(occluder.is_occluded() is shut, f"told to be {'shut' if shut else 'open'}, it reads otherwise")
    finally:
        occluder.release()


def _feels(subject: Subject) -> None:
    occluder, clock = subject.instrument, subject.clock
    try:
        for shut in (True, False):
            before_s = clock.now_s()
            (occluder.occlude if shut else occluder.release)()
            moved_s = occluder.moved_between_s()
            if moved_s is None:
                raise LeftOutError("it has no contact at its valve")
            told = f"its valve moved between {moved_s[0]:.3f} s and {moved_s[1]:.3f} s"
            expect(moved_s[0] < moved_s[1], told)
            expect(before_s <= moved_s[1] <= clock.now_s(), f"{told}, told to at {before_s:.3f} s")
    finally:
        occluder.release()


OCCLUDER = (
    Check("state", "it reads back whether the line is shut", _tells_state),
    Check("switching", "the line is shut and opened, and read back so", _switches, moves=True),
    Check(
        "contact",
        "a contact at its valve dates each movement by the run's clock",
        _feels,
        moves=True,
        needs=(FeelsItsValve,),
    ),
)


def _measures(subject: Subject) -> None:
    a_number(subject.instrument.read_voltage_v(), "the voltage")
    a_number(subject.instrument.read_current_a(), "the current")
    expect(subject.instrument.nominal_v > 0.0, f"its nominal voltage is {subject.instrument.nominal_v} V")


def _feeds(subject: Subject) -> None:
    supply, clock = subject.instrument, subject.clock
    try:
        supply.set_voltage_v(supply.nominal_v)
        supply.switch_off()
        clock.sleep_s(_SWITCHING_S)
        off_v = supply.read_voltage_v()
        expect(off_v < 0.5 * supply.nominal_v, f"switched off, its output has {off_v:.2f} V")
    finally:
        supply.switch_on()
    clock.sleep_s(_SWITCHING_S)
    on_v = supply.read_voltage_v()
    expect(abs(on_v - supply.nominal_v) < 0.1 * supply.nominal_v, f"set to {supply.nominal_v} V it has {on_v:.2f} V")


POWER = (
    Check("measuring", "it measures voltage and current", _measures),
    Check("switching", "its output is off and on as it is told, at the voltage that was set", _feeds, moves=True),
)


def _listens(subject: Subject) -> None:
    for _ in range(3):
        began_s = subject.clock.now_s()
        found = subject.instrument.signal()
        expect(isinstance(found, AlarmSignal), f"returns {found!r}, no AlarmSignal")
        known = [each for each in (found.earliest_s, found.latest_s) if math.isfinite(each)]
        expect(bool(known) == found.on, f"the signal is {'on' if found.on else 'off'}, and began at {known}")
        expect(known == sorted(known), "it began later than at the latest")
        expect(all(each <= subject.clock.now_s() for each in known), "it begins in the future")
        expect(subject.clock.now_s() - began_s <= _LOOK_S, f"a look takes more than {_LOOK_S:g} s")


ALARM = (Check("signal", "it tells whether there is a signal, and since when, within a moment", _listens),)


def _person(subject: Subject) -> None:
    del subject
    raise LeftOutError("what a person does is not asked for here")


OPERATOR = (Check("asking", "what is asked for is done, or refused with a reason", _person, moves=True),)
