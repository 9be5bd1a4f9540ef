"""Instants of a test as plans write them: a time of the pump's first day (`06:00`), or how long after its begin."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import GetPydanticSchema
from pydantic_core import core_schema

from bench.quantities import Quantity, parse_quantity

HOUR_S = 3600.0
DAY_S = 86_400.0
_CLOCK = re.compile(r"(\d{1,2}):([0-5]\d)")
_PATTERN = r"^\s*(?:\d{1,2}:[0-5]\d|[0-9.]+\s*(?:s|min|h|d))\s*$"


def parse_instant(text: str) -> Quantity:
    """Return an instant as the time since the begin; `06:00` is six hours after it.

    Raises:
        ValueError: the text is neither a time of a day nor a duration, or lies before the begin.

    """
    clock = _CLOCK.fullmatch(text.strip())
    if clock is not None:
        minutes = 60 * int(clock[1]) + int(clock[2])
        if minutes > 24 * 60:
            raise ValueError(f"found {text!r}; a day ends at '24:00'; a later instant is a duration, such as '30 h'")
        return Quantity(minutes / 60, "h") if minutes % 60 == 0 else Quantity(float(minutes), "min")
    try:
        instant = parse_quantity(text, "duration")
    except ValueError:
        raise ValueError(f"found {text!r}; write a time of the pump's first day, such as '06:00', or '30 h'") from None
    if instant.value < 0.0:
        raise ValueError(f"found {text!r}; nothing happens before the first command")
    return instant


def _validate(value: Any) -> Quantity:
    if isinstance(value, Quantity):
        return value
    if isinstance(value, str):
        return parse_instant(value)
    raise ValueError(f"found {value!r}; write a time of the pump's first day, such as '06:00', or '30 h'")


Instant = Annotated[
    Quantity,
    GetPydanticSchema(
        lambda _source, _handler: core_schema.no_info_plain_validator_function(
            _validate, serialization=core_schema.to_string_ser_schema()
        ),
        lambda _source, _handler: {
            "type": "string",
            "pattern": _PATTERN,
            "examples": ["06:00", "30 h"],
            "description": "a time of the pump's first day, which begins with the first command, or a time since then",
        },
    ),
]


def clock(instant_s: float) -> str:
    """Return an instant since the begin as people write it: `06:00`, `day 2 06:00`."""
    day, minutes = divmod(round(instant_s / 60.0), 24 * 60)
    text = time_of_day(60.0 * minutes)
    return text if day == 0 else f"day {day + 1} {text}"


def time_of_day(since_s: float) -> str:
    """Return a time of a day, given since its begin, as people write it: `06:00`."""
    minutes = round(since_s / 60.0)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
