"""One module a kind of test: Settings, `drive()` and `evaluate()`. `registry()` finds them all."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.procedures.base import Procedure

GROUP = "pumpbench.procedures"


class DuplicateProcedureError(Exception):
    """Two modules declare a procedure of the same name."""


@cache
def registry() -> Mapping[str, Procedure]:
    """Return all procedures by name: modules of this package that declare `PROCEDURE`, then those of the entry points.

    Raises:
        DuplicateProcedureError: a name is taken twice; the text names both modules.

    """
    found: dict[str, Procedure] = {}
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        procedure = getattr(importlib.import_module(module.name), "PROCEDURE", None)
        if procedure is not None:
            _add(found, procedure)
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        _add(found, entry.load())
    return MappingProxyType(dict(sorted(found.items())))


def _add(found: dict[str, Procedure], procedure: Procedure) -> None:
    other = found.setdefault(procedure.name, procedure)
    if other is not procedure:
        places = " and ".join(type(each).__module__ for each in (other, procedure))
        raise DuplicateProcedureError(f"procedure {procedure.name!r} is declared twice: in {places}")
