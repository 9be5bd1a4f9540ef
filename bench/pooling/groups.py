"""Which tests belong together: of one procedure and size, run under the same conditions of the bench."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from bench.pooling.alike import FREE
from bench.pooling.sources import Source
from bench.quantities import Concentration, parse_quantity

Kind = Literal["boluses", "rate", "occlusion", "alike"]
"""How a group is pooled: boluses one by one, basal rates and times to the alarm as labels have them, or as it is."""
_SIZES = (("volume", "volume"), ("rate", "rate"), ("bolus", "volume"), ("basal", "rate"))
"""Settings that make a group, in the order in which groups are sorted, each with its dimension."""
_UNIT = {"volume": "µL", "rate": "µL/h"}
_BOLUS_SHAPE = ("shape", "over", "now")
"""A spread bolus is another delivery than one at once."""
_NOT_TO_THE_ALARM = ("release_before_alarm_at", "release_before_alarm_after", "partial_occlusion")


class Key(NamedTuple):
    """What all tests of a group have in common; groups are shown in its order."""

    procedure: str
    kind: Kind
    sizes: tuple[float, ...]
    words: tuple[str, ...]
    conditions: tuple[tuple[str, str], ...]


def grouped(sources: Sequence[Source], concentration: Concentration) -> list[tuple[Key, list[Source]]]:
    """Return the groups in order, each with its tests."""
    found: dict[Key, list[Source]] = {}
    for source in sources:
        settings, kind = source.test.settings, _kind(source.test.procedure, source.test.settings)
        conditions = tuple((each.name, each.text) for each in source.test.conditions if each.kind != "setting")
        sizes = _sizes(settings, concentration)
        key = Key(source.test.procedure, kind, sizes, _words(kind, settings), conditions)
        found.setdefault(key, []).append(source)
    return sorted(found.items())


def _kind(procedure: str, settings: Mapping[str, Any]) -> Kind:
    if procedure == "bolus" and settings.get("volumes") is None and settings.get("cancel_after") is None:
        return "boluses"
    if procedure == "basal":
        return "rate"
    if procedure == "occlusion":
        lasts = settings.get("occlude", True) and not any(settings.get(name) for name in _NOT_TO_THE_ALARM)
        return "occlusion" if lasts else "alike"
    return "alike"


def _words(kind: Kind, settings: Mapping[str, Any]) -> tuple[str, ...]:
    if kind == "boluses":
        return (str(settings.get("shape") or "normal"), *(str(settings.get(name) or "") for name in _BOLUS_SHAPE[1:]))
    if kind == "occlusion":
        return (str(settings.get("level") or ""),)
    if kind == "alike":
        sized = {name for name, _ in _SIZES}
        return tuple(f"{name}: {settings[name]}" for name in sorted(settings) if name not in {*sized, *FREE})
    return ()


def _sizes(settings: Mapping[str, Any], concentration: Concentration) -> tuple[float, ...]:
    """Return the commanded size in µL and µL/h; what is not set counts as −1, before everything that is."""
    return tuple(
        -1.0
        if settings.get(name) is None
        else round(parse_quantity(settings[name], dimension).to(_UNIT[dimension], concentration), 9)
        for name, dimension in _SIZES
    )
