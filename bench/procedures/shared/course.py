"""The course of a test as a reader sees it: the mass on the balance over all of it, and what happened when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.metrology.decimate import series
from bench.procedures.shared.weighing import Weighing
from bench.results.model import Figure, Mark, Table

MINUTE_S = 60.0


def marks_of(happened: Iterable[tuple[float | None, str]], zero_s: float) -> list[Mark]:
    """Return what happened as marks in minutes since `zero_s`; what has no instant did not."""
    return [Mark(x=(time_s - zero_s) / MINUTE_S, label=label) for time_s, label in happened if time_s is not None]


def mass_over_test(weighing: Weighing, start_s: float, marks: list[Mark], words: str) -> Figure:
    """Return the mass over the whole test, with its marks."""
    return Figure(
        name="mass",
        title="Mass on the balance",
        x_label="time since the test began / min",
        y_label="mass / mg",
        series=[series("balance", (weighing.time_s - start_s) / MINUTE_S, weighing.mass_mg, role="mass")],
        marks=marks,
        caption="As the balance showed it, reduced to least and greatest of each stretch." + words,
    )


def table_of_course(marks: Sequence[Mark], told: Iterable[list[str]]) -> Table:
    """Return when each mark was, and rows of what else is told of the test."""
    rows = [[mark.label, f"{mark.x:.2f} min"] for mark in marks]
    return Table(name="course", title="Course of the test", columns=["what", "when or what"], rows=[*rows, *told])
