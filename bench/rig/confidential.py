"""Stand-ins for instruments whose drivers are confidential: what passes on the wire is told nowhere.

Such a driver has no wire log, its errors come without the bytes that were sent and seen, its readings without the lines
that they were read from, and an error that is none of an instrument's tells no more than its name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from bench.rig.stand_in import stand_in
from drivers import errors
from drivers.errors import InstrumentError
from drivers.roles import Climate, Reading

_Result = TypeVar("_Result")


def keep_back(instrument: Any, role: str) -> Any:
    """Return a stand-in with the methods and attributes of `instrument`, which tells nothing of its bytes."""

    def call(name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        result = without_bytes(role, lambda: getattr(instrument, name)(*arguments, **named))
        return replace(result, text="") if isinstance(result, Reading | Climate) else result

    return stand_in(instrument, call, lambda name: getattr(instrument, name))


def without_bytes(role: str, call: Callable[[], _Result]) -> _Result:
    """Return what `call` returns; an error from it comes without bytes and without its causes.

    Raises:
        InstrumentError: it failed; the problem is told as the driver puts it, or by the error's name alone.

    """
    told: InstrumentError
    try:
        return call()
    except InstrumentError as error:
        kind = next(each for each in type(error).__mro__ if each.__module__ == errors.__name__)
        told = InstrumentError.__new__(kind)
        InstrumentError.__init__(told, error.instrument, error.problem, advice=error.advice)
    except Exception as error:
        told = InstrumentError(role, f"its driver failed with {type(error).__name__}", advice=_KEPT_BACK)
    raise told


_KEPT_BACK = "What the error says is kept back, since the driver is confidential."
