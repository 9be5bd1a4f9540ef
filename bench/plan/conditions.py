"""Conditions that a test is repeated over: what there is to set on a bench, and one value of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bench.quantities import Quantity, parse_quantity

KEY = "conditions"
"""The key of a test's entry."""
BY_HAND = "by_hand"
"""The key below it for conditions that have no name of their own."""
MOST_COMBINATIONS = 200

_VALUES, _COMMON = "ConditionValues", "TestConditions"
"""Names of the JSON Schema's definitions."""


@dataclass(frozen=True, slots=True)
class BenchCondition:
    """What can be set on a bench; `dimension` is empty where values are names."""

    short: str
    dimension: str
    description: str
    example: str


BENCH_CONDITIONS: Mapping[str, BenchCondition] = {
    "set_lot": BenchCondition("lot", "", "lot of the infusion set", "A"),
    "reservoir_fill": BenchCondition("fill", "volume", "what the reservoir that is put in holds", "50 U"),
    "temperature": BenchCondition("temperature", "temperature", "of room or chamber", "37 °C"),
    "head_height": BenchCondition("head", "length", "reservoir above the outlet; negative: below it", "-30 cm"),
    "back_pressure": BenchCondition("back", "pressure", "at the outlet", "13.33 kPa"),
}
"""By name, the hardest to change first: a set or a reservoir takes a prime, a chamber hours, a height a hand."""
_BY_HAND_BEFORE = "head_height"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition with the value that a test is run under; `number` and `unit` where the value is a quantity."""

    name: str
    kind: Literal["setting", "bench", "by hand"]
    text: str
    number: float | None = None
    unit: str = ""
    place: int = 1
    """Which of the plan's values it is, from 1."""

    @property
    def label(self) -> str:
        """The condition in a test's id: `head 30 cm`."""
        bench = BENCH_CONDITIONS.get(self.name) if self.kind == "bench" else None
        return f"{bench.short if bench else self.name.replace('_', ' ')} {self.text}"

    @property
    def keyword(self) -> str:
        """The same in one word, for pytest's `-k`: `head-30cm`."""
        return self.label.replace(" ", "-", 1).replace(" ", "")

    @property
    def words(self) -> str:
        """The condition in a sentence: `head height 30 cm`."""
        return f"{self.name.replace('_', ' ')} {self.text}"

    @property
    def quantity(self) -> Quantity:
        """The value of a bench's condition that is a quantity."""
        return Quantity(self.number if self.number is not None else math.nan, self.unit)

    @property
    def on_the_bench(self) -> bool:
        """Whether somebody has to set it, rather than the bench by the test's own settings."""
        return self.kind != "setting"


def bench_condition(name: str, value: Any, place: int) -> Condition:
    """Return a value of a bench's condition.

    Raises:
        ValueError: it is no value of that condition.

    """
    bench = BENCH_CONDITIONS[name]
    if not bench.dimension:
        return Condition(name, "bench", _name_of(value), place=place)
    if not isinstance(value, str):
        raise ValueError(f"found {value!r}; write a {bench.dimension} with its unit, such as {bench.example!r}")
    quantity = parse_quantity(value, bench.dimension)
    if name == "reservoir_fill" and quantity.value <= 0.0:
        raise ValueError(f"must be more than nothing, not {quantity}")
    return Condition(name, "bench", str(quantity), quantity.value, quantity.unit, place)


def hand_condition(name: str, value: Any, place: int) -> Condition:
    """Return a value of a condition that only words describe; a quantity where it reads like one.

    Raises:
        ValueError: it is neither a name nor a number.

    """
    if isinstance(value, str):
        number, _, unit = value.strip().partition(" ")
        try:
            return Condition(name, "by hand", _name_of(value), float(number), unit.strip(), place)
        except ValueError:
            return Condition(name, "by hand", _name_of(value), place=place)
    number_of = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    return Condition(name, "by hand", _name_of(value), number_of, "", place)


def setting_condition(name: str, value: Any, place: int) -> Condition:
    """Return a value of a procedure's setting, as the procedure has read it."""
    if isinstance(value, Quantity):
        return Condition(name, "setting", str(value), value.value, value.unit, place)
    if isinstance(value, bool):
        return Condition(name, "setting", "yes" if value else "no", place=place)
    if isinstance(value, int | float):
        return Condition(name, "setting", f"{value:g}", float(value), "", place)
    return Condition(name, "setting", str(value), place=place)


def hardest_first(names: Iterable[str], settings: Iterable[str]) -> Iterator[str]:
    """Yield conditions in the order of loops, the outermost first; a setting costs nothing to change."""
    names, settings = list(names), set(settings)
    free = [name for name in names if name not in BENCH_CONDITIONS and name not in settings]
    for name in BENCH_CONDITIONS:
        if name == _BY_HAND_BEFORE:
            yield from free
        if name in names:
            yield name
    yield from (name for name in names if name in settings and name not in BENCH_CONDITIONS)


def conditions_definitions() -> dict[str, Any]:
    """Return the JSON Schema's definitions of what every procedure's `conditions:` have in common."""
    described = {
        name: {"$ref": f"#/$defs/{_VALUES}", "description": bench.description, "examples": [[bench.example]]}
        for name, bench in BENCH_CONDITIONS.items()
    }
    by_hand = {
        "type": "object",
        "description": "conditions without a name of their own, by names of the plan's",
        "minProperties": 1,
        "additionalProperties": {"$ref": f"#/$defs/{_VALUES}"},
    }
    return {
        _VALUES: {"type": "array", "minItems": 1, "items": {"type": ["string", "number", "boolean"]}},
        _COMMON: {
            "type": "object",
            "description": "repeats the test over every combination of these values (docs/conditions.md)",
            "minProperties": 1,
            "properties": {**described, BY_HAND: by_hand},
        },
    }


def conditions_schema(settings: Iterable[str]) -> dict[str, Any]:
    """Return the JSON Schema of a test's `conditions:` for a procedure with these settings.

    It refers to `conditions_definitions`, and names every key itself: editors complete keys from there, and those of
    older dialects know no other way to mark one that is unknown.
    """
    of_settings = dict.fromkeys((name for name in settings if name not in BENCH_CONDITIONS), f"#/$defs/{_VALUES}")
    of_bench = {name: f"#/$defs/{_COMMON}/properties/{name}" for name in (*BENCH_CONDITIONS, BY_HAND)}
    return {
        "$ref": f"#/$defs/{_COMMON}",
        "additionalProperties": False,
        "properties": {name: {"$ref": refers} for name, refers in {**of_settings, **of_bench}.items()},
    }


def _name_of(value: Any) -> str:
    text = ("yes" if value else "no") if isinstance(value, bool) else str(value).strip()
    if isinstance(value, list | dict) or not text or not text.isprintable() or len(text) > 40 or set(text) & set("[],"):
        raise ValueError(f"found {value!r}; a value is a quantity, a number or a short name without '[', ']' and ','")
    return text
