"""What would make a limit resolvable: a finer balance, more boluses, a longer test or blank, or a wider measurement.

Each way out is tried on the planned uncertainty itself, so that what is advised would indeed be let through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from bench.metrology.decision import resolvable
from bench.procedures.base import Context, Procedure
from bench.quantities import Limit, Quantity
from bench.rig.instruments import BalanceSpec
from bench.rig.model import Rig

READABILITIES_MG = (0.1, 0.01, 0.001, 0.0001)
DURATIONS_H = (0.5, 1, 2, 3, 4, 6, 8, 12, 16, 24, 36, 48, 72, 96, 120, 168)
BLANKS_MIN = (10, 20, 30, 60, 120, 240, 480)
COUNTS = (2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150, 200, 300, 400, 600, 800, 1000)
_MOST_INSTEAD = 2


@dataclass(frozen=True)
class Asked:
    """A test as it is asked for: settings, on a rig, by a plan."""

    settings: Any
    procedure: Procedure
    context: Context

    @cached_property
    def planned(self) -> Mapping[str, tuple[float, str]]:
        """What is foretold of its measurements."""
        return self.procedure.planned_uncertainty(self.settings, self.context)

    def refusal(self, name: str, limit: Limit, ways: Sequence[str] = ()) -> str | None:
        """Return why a limit cannot be resolved; None where it can, or nothing is foretold."""
        if name not in self.planned:
            return None
        spec, (expanded, arithmetic) = self.procedure.measurements[name], self.planned[name]
        return resolvable(
            limit,
            expanded,
            spec.unit,
            arithmetic,
            self.context.concentration,
            spec.natural,
            self.context.plan.decision,
            ways,
            perfect=spec.perfect,
        )

    def resolves(self, name: str, limit: Limit) -> bool:
        """Return whether a limit is foretold to be resolved."""
        return name in self.planned and self.refusal(name, limit) is None

    def with_setting(self, key: str, value: Any) -> Asked:
        """Return the same test with another setting."""
        return replace(self, settings=self.settings.model_copy(update={key: value}))

    def on(self, rig: Rig) -> Asked:
        """Return the same test on another rig."""
        return replace(self, context=replace(self.context, rig=rig))


@dataclass(frozen=True, slots=True)
class _Way:
    """One change of a test, and how it is said."""

    words: str
    asked: Asked


_Choices = Callable[[Asked], Iterator[_Way]]


def remedies(asked: Asked, name: str, limit: Limit) -> list[str]:
    """Return what would do, each by itself; two changes at once where no single one would do."""
    singles = [_first(choices(asked), name, limit) for choices in _CHOICES]
    found = [way.words for way in singles if way is not None]
    if not found:
        found = _pairs(asked, name, limit)
    found += _instead(asked, name, limit)
    return found or ["no balance, blank or length of this test alone: less evaporation, or another measurement"]


def _first(ways: Iterator[_Way], name: str, limit: Limit) -> _Way | None:
    """Return the smallest change that does."""
    return next((way for way in ways if way.asked.resolves(name, limit)), None)


def _pairs(asked: Asked, name: str, limit: Limit) -> list[str]:
    for i, first in enumerate(_CHOICES):
        for one in first(asked):
            for second in _CHOICES[i + 1 :]:
                other = _first(second(one.asked), name, limit)
                if other is not None:
                    return [f"{one.words} together with {other.words}"]
    return []


def _instead(asked: Asked, name: str, limit: Limit) -> list[str]:
    """Return measurements of the same kind that this rig resolves to that limit."""
    spec = asked.procedure.measurements[name]
    able = [other for other in spec.instead if asked.resolves(other, limit)]
    return [f"`{other}` instead (U = {asked.planned[other][0]:.2g} {spec.unit})" for other in able[:_MOST_INSTEAD]]


def _finer_balances(asked: Asked) -> Iterator[_Way]:
    rig = asked.context.rig
    balance = rig.balance
    if balance is None:
        return
    here_mg = balance.readability.to("mg")
    for readability_mg in READABILITIES_MG:
        if readability_mg < 0.99 * here_mg:
            instruments = {**rig.instruments, "balance": _finer(balance, readability_mg / here_mg)}
            finer = replace(rig, instruments=instruments)
            yield _Way(f"a balance of {readability_mg:g} mg, its other figures finer alike", asked.on(finer))


def _finer(balance: BalanceSpec, ratio: float) -> BalanceSpec:
    """Return a balance all of whose figures in mg are smaller by a ratio."""
    changed: dict[str, Any] = {
        key: Quantity(value.value * ratio, value.unit)
        for key in ("readability", "repeatability", "linearity", "drift")
        if (value := getattr(balance, key)) is not None
    }
    if balance.calibration is not None:
        stated = balance.calibration.expanded_uncertainty
        finer = Quantity(stated.value * ratio, stated.unit)
        changed["calibration"] = balance.calibration.model_copy(update={"expanded_uncertainty": finer})
    return balance.model_copy(update=changed)


def _more_boluses(asked: Asked) -> Iterator[_Way]:
    count = getattr(asked.settings, "count", None)
    if isinstance(count, int):
        for more in COUNTS:
            if more > count:
                yield _Way(f"the mean of more: `count: {more}`", asked.with_setting("count", more))


def _longer_tests(asked: Asked) -> Iterator[_Way]:
    for longer in _longer(asked, "duration", DURATIONS_H, "h"):
        yield _Way(f"`duration: {longer}`{_pulses(asked, longer.value)}", asked.with_setting("duration", longer))


def _pulses(asked: Asked, hours: float) -> str:
    """Return how many pulses a basal rate makes within some hours."""
    increment, rate = asked.context.plan.pump.basal_increment, getattr(asked.settings, "rate", None)
    if increment is None or not isinstance(rate, Quantity):
        return ""
    concentration = asked.context.concentration
    pulses = hours * rate.to("µL/h", concentration) / increment.to("µL", concentration)
    return f" ({pulses:.0f} pulses)"


def _longer_blanks(asked: Asked) -> Iterator[_Way]:
    for longer in _longer(asked, "blank", BLANKS_MIN, "min"):
        yield _Way(f"`blank: {longer}`", asked.with_setting("blank", longer))


def _longer(asked: Asked, name: str, lengths: Sequence[float], unit: str) -> Iterator[Quantity]:
    """Yield those of some lengths that are longer than a setting, if the test has it."""
    length = getattr(asked.settings, name, None)
    if isinstance(length, Quantity):
        yield from (Quantity(float(longer), unit) for longer in lengths if longer > length.to(unit))


_CHOICES: tuple[_Choices, ...] = (_finer_balances, _more_boluses, _longer_tests, _longer_blanks)
