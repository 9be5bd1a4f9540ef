"""Measurements by the catalogue of a procedure: stated with their budget, or undetermined, with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bench.metrology.budget import measurement, undetermined
from bench.procedures.base import MeasurementSpec
from bench.results.model import Component, Measurement


def stated(
    catalogue: Mapping[str, MeasurementSpec], name: str, value: float, budget: Sequence[Component], note: str = ""
) -> Measurement:
    """Return a measurement of a catalogue, with its value in the catalogue's unit and its budget."""
    spec = catalogue[name]
    return measurement(name, spec.title, value, spec.unit, budget, note=note)


def nothing_stated(
    catalogue: Mapping[str, MeasurementSpec], why: str, names: Iterable[str] | None = None
) -> list[Measurement]:
    """Return measurements of a catalogue, all of them or those named, as ones that could not be made."""
    return [
        undetermined(name, catalogue[name].title, catalogue[name].unit, why)
        for name in (catalogue if names is None else names)
    ]
