"""Whether a rig has what a test needs, told from its file and the drivers' classes: no instrument is touched."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bench.rig.imported import entry_of
from bench.rig.model import Rig
from drivers.roles import CarriesOutByHand

_A = {
    "pump": "a pump",
    "balance": "a balance",
    "pressure": "a pressure sensor",
    "occluder": "an occluder",
    "climate": "a climate sensor",
    "operator": "an operator",
    "power": "a power supply",
    "doser": "a reference doser",
    "alarm": "an alarm input",
}
_SAID_SO = ", by what the rig file says of this one"
_WAY_OUT = {"operator": "; write `operator: {driver: console}` into it for a person at this terminal"}


def misfits(rig: Rig, requires: Mapping[str, Sequence[type]]) -> list[str]:
    """Return in words what a test requires and the rig lacks; empty when it fits.

    Args:
        rig: the rig file.
        requires: role to the capability protocols of `drivers.roles` that its driver must have. In a rig without a
            `doser` the pump stands in for it.

    """
    lacking: list[str] = []
    for role, capabilities in requires.items():
        instrument = rig.instruments.get(role) or (rig.pump if role == "doser" else None)
        if instrument is None:
            lacking.append(
                f"needs {_A[role]}, and the rig has none (it has {', '.join(sorted(rig.instruments))})"
                + _WAY_OUT.get(role, "")
            )
            continue
        entry = entry_of(role, instrument.driver)
        if why := entry.unavailable():
            lacking.append(f"needs {_A[role]}, and driver {entry.name} cannot be used: {why}")
        lacking += [
            f"needs {_A[role]}, whose driver {entry.name} {misfit}"
            for misfit in misfits(rig, dict.fromkeys(entry.needs, ()))
        ]
        kind = entry.kind(instrument.options)
        lacking += [
            f"needs {_A[role]} with the capability {capability.__name__} ({_in_words(capability)}), "
            f"which driver {entry.name} does not have{_SAID_SO if entry.able is not None else ''}"
            for capability in capabilities
            if not _has(kind, capability)
        ]
    return lacking


def untold(rig: Rig, asked: Sequence[str]) -> list[str]:
    """Return in words which measurements hang on what the rig's pump does not tell.

    Args:
        rig: the rig file.
        asked: names of measurements with a limit that hang on what the pump says that it delivered.

    """
    pump = rig.pump
    if pump is None or not asked or not _has(entry_of("pump", pump.driver).kind(pump.options), CarriesOutByHand):
        return []
    return [
        f"asks for `{name}`, which hangs on what the pump says that it delivered, and driver {pump.driver} is worked by"
        " hand and hears nothing from its pump: leave that limit out"
        for name in asked
    ]


def _has(instrument: type, capability: type) -> bool:
    return all(hasattr(instrument, name) for name in vars(capability) if not name.startswith("_"))


def _in_words(capability: type) -> str:
    first = (capability.__doc__ or capability.__name__).strip().splitlines()[0]
    return re.sub(r"\.$", "", first).lower()
