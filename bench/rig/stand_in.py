"""Objects that stand in for an instrument: its methods and attributes, every call of which goes through one place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Call = Callable[[str, tuple[Any, ...], dict[str, Any]], Any]
"""Makes a call to a method by its name, with its arguments."""


def stand_in(instrument: Any, call: Call, get: Callable[[str], Any]) -> Any:
    """Return an object with the public methods and attributes of `instrument`.

    They are the class's own, so that it satisfies the same protocols.

    Args:
        instrument: whose methods and attributes it has.
        call: makes each call to a method.
        get: reads each attribute.

    """
    members: dict[str, Any] = {}
    for name in dir(instrument):
        if not name.startswith("_"):
            is_method = callable(getattr(instrument, name))
            members[name] = _method(name, call) if is_method else property(_getter(name, get))
    return type(type(instrument).__name__, (), members)()


def _method(name: str, call: Call) -> Callable[..., Any]:
    return lambda _self, *arguments, **named: call(name, arguments, named)


def _getter(name: str, get: Callable[[str], Any]) -> Callable[[Any], Any]:
    return lambda _self: get(name)
