"""Weights as balances write them, a decimal number and a unit, in g."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import NamedTuple

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)\Z", re.ASCII)

# Only units that have one meaning with every maker: `t` is a tonne or a tola, `gr` a grain or a gram, `tl` one of four.
_G_PER_UNIT = {
    "g": Decimal(1),
    "mg": Decimal("1e-3"),
    "kg": Decimal("1e3"),
    "ug": Decimal("1e-6"),
    "mcg": Decimal("1e-6"),
    "µg": Decimal("1e-6"),
    "ct": Decimal("0.2"),
    "lb": Decimal("453.59237"),
    "oz": Decimal("28.349523125"),
    "ozt": Decimal("31.1034768"),
    "GN": Decimal("0.06479891"),
    "dwt": Decimal("1.55517384"),
}
UNITS = tuple(_G_PER_UNIT)
"""Units that can be converted."""


class Weight(NamedTuple):
    """A weight in g with its status; value and step of the last digit are NaN where a balance tells only the status."""

    value_g: float
    status: str
    digit_g: float = math.nan


def weight(number: str, unit: str, status: str) -> Weight | None:
    """Return the weight `number` (such as `-0.1234`) in `unit`; None if that is no number, or the unit is not known."""
    g_per_unit = _G_PER_UNIT.get(unit)
    if g_per_unit is None or _NUMBER.match(number) is None:
        return None
    decimals = len(number.partition(".")[2])
    # Multiplied in decimal, so that 1.234 mg is the very number that 0.001234 g is.
    value_g = float(number) if unit == "g" else float(Decimal(number) * g_per_unit)
    return Weight(value_g, status, float(g_per_unit.scaleb(-decimals)))
