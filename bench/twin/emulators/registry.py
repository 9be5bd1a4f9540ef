"""Finds the emulators: every module beside this one that declares `EMULATOR = EmulatorEntry(…)`.

A rig file says by `simulation.emulators` which of them plays an instrument, such as `{balance: mt_sics}`; nothing else
has to be told of a new one.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

import bench.twin.emulators as package
from bench.twin.port import Emulator, Send

if TYPE_CHECKING:
    from bench.twin.settings import Simulation
    from bench.twin.world import World

DEFAULTS = {
    "pump": "insulin_pump",
    "balance": "mt_sics",
    "pressure": "dmm",
    "occluder": "numato",
    "climate": "ptu300",
    "operator": "operator_terminal",
    "power": "supply",
    "doser": "new_era_doser",
    "alarm": "numato_gpio",
}
"""Which emulator plays each instrument unless the rig file says otherwise."""


class NoOptions(BaseModel):
    """For emulators that have nothing to be set."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Make = Callable[[Send, "World", "Simulation", Any], Emulator]
"""Builds the emulator of one instrument of a world; the last argument is an instance of the entry's `Options`."""


@dataclass(frozen=True, slots=True)
class EmulatorEntry:
    """One emulator as a rig file names it.

    Args:
        name: such as `mt_sics`.
        role: the instrument that it plays, one of `DEFAULTS`.
        make: builds it.
        Options: the keys that a rig file may give it.

    """

    name: str
    role: str
    make: Make
    Options: type[BaseModel] = NoOptions


@dataclass(frozen=True, slots=True)
class Cast:
    """The emulator that plays one instrument, with its options."""

    entry: EmulatorEntry
    options: BaseModel


def cast(role: str, told: str | Mapping[str, Any]) -> Cast:
    """Return who plays `role`.

    Args:
        role: one of `DEFAULTS`.
        told: what the rig file says: a name, or `emulator` with its options.

    Raises:
        ValueError: there is no such instrument or emulator, it plays another instrument, or an option is wrong.

    """
    if role not in DEFAULTS:
        raise ValueError(f"the twin has no instrument {role!r} (it has {', '.join(DEFAULTS)})")
    options = {} if isinstance(told, str) else {key: value for key, value in told.items() if key != "emulator"}
    name = told if isinstance(told, str) else told.get("emulator", DEFAULTS[role])
    able = emulators_of(role)
    if name not in able:
        near = difflib.get_close_matches(str(name), able, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"no emulator {name!r} plays the {role} (known: {', '.join(able)}){hint}")
    entry = able[name]
    return Cast(entry, entry.Options.model_validate(options))


def emulators_of(role: str) -> dict[str, EmulatorEntry]:
    """Return the emulators of one instrument by name, sorted."""
    return {name: entry for name, entry in all_emulators().items() if entry.role == role}


@functools.cache
def all_emulators() -> Mapping[str, EmulatorEntry]:
    """Return every emulator by name, sorted.

    Raises:
        ValueError: two have the same name, or one plays an instrument that the twin has not.

    """
    found: dict[str, EmulatorEntry] = {}
    for info in pkgutil.iter_modules(package.__path__):
        entry = getattr(importlib.import_module(f"{package.__name__}.{info.name}"), "EMULATOR", None)
        if entry is None:
            continue  # a part of one
        if entry.name in found:
            raise ValueError(f"two emulators are called {entry.name!r}")
        if entry.role not in DEFAULTS:
            raise ValueError(f"emulator {entry.name!r} plays {entry.role!r} (known: {', '.join(DEFAULTS)})")
        found[entry.name] = entry
    return dict(sorted(found.items()))
