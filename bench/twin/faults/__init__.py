"""Faults that the twin can have: each acts at the place where it happens in reality.

A fault is one model with its own parameters, in the module of its place; `REGISTRY` names them all. A rig file switches
one on by an entry of `simulation.faults`, such as `{fault: dose_scale_error, factor: 1.12}`.
"""

from __future__ import annotations

from typing import Annotated, TypeVar, get_args

from pydantic import BaseModel, Field

from bench.twin.faults import of_alarms, of_instruments, of_line, of_metering, of_power, of_programme

_Kind = TypeVar("_Kind", bound=BaseModel)

Fault = Annotated[
    of_metering.Kinds | of_programme.Kinds | of_alarms.Kinds | of_line.Kinds | of_power.Kinds | of_instruments.Kinds,
    Field(discriminator="fault"),
]


def _registry() -> dict[str, type[BaseModel]]:
    kinds: tuple[type[BaseModel], ...] = get_args(get_args(Fault)[0])
    return {str(get_args(kind.model_fields["fault"].annotation)[0]): kind for kind in kinds}


REGISTRY: dict[str, type[BaseModel]] = _registry()
"""Name of every fault and its model; the model's docstring tells what it does."""


class FaultSet:
    """The faults of one simulation, asked for by kind."""

    def __init__(self, faults: list[Fault]) -> None:
        self._by_kind: dict[type[BaseModel], BaseModel] = {type(fault): fault for fault in faults}

    def get(self, kind: type[_Kind]) -> _Kind | None:
        """Return the fault of a kind, or None where it is not switched on."""
        fault = self._by_kind.get(kind)
        return fault if isinstance(fault, kind) else None
