"""Gauge against absolute: what a pressure transducer measures from, and how its readings become kPa above the air.

A bench measures the delivery line's pressure above the air around it, which is where the other end of the line is. A
gauge transducer does so itself. An absolute or sealed one does not, and is used only where the rig file declares the
air's pressure at the bench (`ambient`), which is taken off each reading. What the weather changes by, some 0.1 kPa an
hour, is then part of the transducer's zero, which every test takes from its own blanks before and after.
"""

from __future__ import annotations

from bench.quantities import Quantity

SEALED_AT_KPA = 100.0
"""A sealed gauge transducer shows nothing at one bar (Keller: series PA)."""
_SETS_OUT_FROM = {"gauge": None, "absolute": 0.0, "sealed gauge": SEALED_AT_KPA}


def air_kpa(reference: str, ambient: Quantity | None) -> float:
    """Return what is to be taken off the readings of a transducer, in kPa.

    Args:
        reference: `gauge`, `absolute` or `sealed gauge`.
        ambient: the air's pressure at the bench, as the rig file declares it.

    Raises:
        ValueError: it is declared and not needed, or needed and not declared; the text says so.

    """
    zero_kpa = _SETS_OUT_FROM[reference]
    if zero_kpa is None:
        if ambient is not None:
            raise ValueError("measures from the air's own pressure (gauge), and the rig file declares `ambient`")
        return 0.0
    if ambient is None:
        raise ValueError(
            f"does not measure from the air's pressure ({reference}): declare that of your bench in the rig file, such"
            " as `ambient: 1013 hPa` (as measured there, not reduced to sea level)"
        )
    return ambient.to("kPa") - zero_kpa
