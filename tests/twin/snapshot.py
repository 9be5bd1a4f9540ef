"""Everything that an emulator and its world remember, so that two of them can be compared."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

_PASSING = {"_time_s", "time_s", "_heard_s", "_last_s", "_received", "_text"}
"""When the host was heard last, and what stands in the instrument's own line."""


def snapshot(thing: Any, name: str) -> dict[str, str]:
    """Return every value that can be reached from `thing`, by its path."""
    return dict(_walk(thing, name, set()))


def differences(one: dict[str, str], other: dict[str, str]) -> dict[str, tuple[str | None, str | None]]:
    """Return the paths at which two snapshots differ, with both values."""
    paths = sorted({*one, *other})
    return {path: (one.get(path), other.get(path)) for path in paths if one.get(path) != other.get(path)}


def _walk(thing: Any, path: str, seen: set[int]) -> Iterator[tuple[str, str]]:
    if isinstance(thing, bool | int | float | str | bytes | bytearray | None):
        yield path, repr(thing)
        return
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, dict):
        yield f"{path}#", str(len(thing))
        for key, value in thing.items():
            yield from _walk(value, f"{path}[{key!r}]", seen)
    elif isinstance(thing, set | frozenset):
        yield path, repr(sorted(map(repr, thing)))
    elif isinstance(thing, list | tuple | deque):
        yield f"{path}#", str(len(thing))
        for number, value in enumerate(thing):
            yield from _walk(value, f"{path}[{number}]", seen)
    elif type(thing).__module__.startswith("bench."):
        slots = (slot for kind in type(thing).__mro__ for slot in getattr(kind, "__slots__", ()))
        for attribute in (*getattr(thing, "__dict__", {}), *slots):
            if attribute not in _PASSING and hasattr(thing, attribute):
                yield from _walk(getattr(thing, attribute), f"{path}.{attribute}", seen)
