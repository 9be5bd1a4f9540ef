"""Tests of one entry that was repeated over conditions, side by side: a table, and measurements against conditions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.metrology.rounding import limit_text
from bench.quantities import QuantityError, parse_concentration
from bench.quantities.values import Quantity
from bench.reporting.measurements import measured_text
from bench.reporting.numbers import with_minus
from bench.results.model import Figure, Judged, Measurement, Rule, RunResult, Series, TestCondition, TestResult

MOST_FIGURES = 6
_NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Cell:
    """One accepted measurement of one combination; both are None where the test came to none."""

    measurement: Measurement | None
    judged: Judged | None
    partial: bool = False

    @property
    def text(self) -> str:
        """Value and uncertainty as they are read."""
        if self.measurement is None:
            return _NOT_MEASURED
        of_a_part = self.partial and self.measurement.value is not None
        return measured_text(self.measurement, self.judged) + (" of a part" if of_a_part else "")


@dataclass(frozen=True, slots=True)
class Matrix:
    """What one entry of the plan came to: a row for each combination that was tried."""

    entry: str
    title: str
    names: tuple[str, ...]
    """Conditions, in the plan's order."""
    columns: tuple[str, ...]
    """Accepted measurements by name."""
    limits: tuple[str, ...]
    rows: tuple[tuple[TestResult, tuple[Cell, ...]], ...]
    not_run: tuple[str, ...]
    concentration: str

    def head(self, column: int) -> str:
        """Return a measurement's title."""
        name = self.columns[column]
        found = (cells[column].measurement for _, cells in self.rows)
        return next((each.title for each in found if each is not None), name.replace("_", " "))


def matrices(run: RunResult) -> list[Matrix]:
    """Return the matrix of each entry with conditions, in the order of the run."""
    entries = dict.fromkeys(test.entry for test in run.tests if test.entry)
    return [_matrix(run, entry) for entry in entries]


def value_text(test: TestResult, name: str) -> str:
    """Return the value of a test's condition."""
    return next((each.text for each in test.conditions if each.name == name), "–")


def matrix_lines(matrix: Matrix) -> list[str]:
    """Return the table as lines of text."""
    heads = [*(name.replace("_", " ") for name in matrix.names), "verdict", *matrix.columns]
    rows = [
        [
            *(value_text(test, name) for name in matrix.names),
            test.verdict.value,
            *(f"{cell.text}{f' ({cell.judged.verdict.value})' if cell.judged else ''}" for cell in cells),
        ]
        for test, cells in matrix.rows
    ]
    limits = [*("" for _ in matrix.names), "limit", *matrix.limits]
    table = [heads, limits, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(heads))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    return [f"{matrix.entry}, by its conditions:", *(f"  {line}" for line in lines), *_left_line(matrix)]


def spread_lines(matrix: Matrix) -> list[str]:
    """Return for each accepted measurement its least and greatest value, and under which conditions these came."""
    lines = []
    for column in range(len(matrix.columns)):
        known = [
            (measured.value, cells[column].text, test)
            for test, cells in matrix.rows
            if (measured := cells[column].measurement) is not None
            and measured.value is not None
            and measured.censored is None
            and not cells[column].partial
        ]
        ordered = sorted(known, key=lambda one: one[0])
        if len(ordered) < 2 or ordered[0][0] == ordered[-1][0]:
            continue
        ends = [f"{text} at {_under(test, matrix.names)}" for _, text, test in (ordered[0], ordered[-1])]
        head = matrix.head(column)
        lines.append(f"{head[:1].upper()}{head[1:]}: from {ends[0]} to {ends[1]}.")
    return lines


def _under(test: TestResult, names: Sequence[str]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value_text(test, name)}" for name in names)


def matrix_figures(matrix: Matrix, simulated: bool) -> list[Figure]:
    """Return each accepted measurement against each numeric condition that varies, `MOST_FIGURES` at most."""
    figures = []
    for column in range(len(matrix.columns)):
        for name in matrix.names:
            figure = _figure(matrix, column, name, simulated)
            if figure is not None:
                figures.append(figure)
    return figures[:MOST_FIGURES]


def _matrix(run: RunResult, entry: str) -> Matrix:
    tests = [test for test in run.tests if test.entry == entry]
    names = tuple(each.name for each in tests[0].conditions)
    limits = {judged.measurement: limit_text(judged.limit) for test in tests for judged in test.judged}
    columns = tuple(limits)
    return Matrix(
        entry=entry,
        title=tests[0].title,
        names=names,
        columns=columns,
        limits=tuple(limits.values()),
        rows=tuple((test, tuple(_cell(test, name) for name in columns)) for test in tests),
        not_run=tuple(each.id for each in run.not_run if each.id.startswith(f"{entry}[")),
        concentration=run.insulin,
    )


def _cell(test: TestResult, name: str) -> Cell:
    measured = test.evaluation.measurements if test.evaluation is not None else []
    return Cell(
        next((each for each in measured if each.name == name), None),
        next((each for each in test.judged if each.measurement == name), None),
        partial=test.evaluation is not None and bool(test.evaluation.partial),
    )


def _left_line(matrix: Matrix) -> list[str]:
    return [f"  not run: {', '.join(matrix.not_run)}"] if matrix.not_run else []


def _figure(matrix: Matrix, column: int, name: str, simulated: bool) -> Figure | None:
    """Return one measurement against one condition, a curve for each combination of the others.

    None where the condition does not vary as a number, or the measurement does not vary at all: a table tells that.
    """
    unit = next((each.unit for test, _ in matrix.rows for each in test.conditions if each.name == name), "")
    curves: dict[str, list[tuple[float, Measurement]]] = {}
    for test, cells in matrix.rows:
        at, measured = _number(test, name, unit, matrix.concentration), cells[column].measurement
        if (
            cells[column].partial
            or at is None
            or measured is None
            or measured.value is None
            or measured.censored is not None
        ):
            continue
        others = ", ".join(
            f"{each.name.replace('_', ' ')} {each.text}" for each in test.conditions if each.name != name
        )
        curves.setdefault(others, []).append((at, measured))
    points = [point for curve in curves.values() for point in curve]
    if len({at for at, _ in points}) < 2 or len({each.value for _, each in points}) < 2:
        return None
    first = next(iter(curves.values()))[0][1]
    words = name.replace("_", " ")
    return Figure(
        name=f"{matrix.entry}-{matrix.columns[column]}-{name}",
        title=f"{matrix.head(column)[:1].upper()}{matrix.head(column)[1:]} against {words}",
        x_label=f"{words[:1].upper()}{words[1:]}{_per(unit)}",
        y_label=f"{matrix.columns[column].replace('_', ' ')}{_per(first.unit)}",
        series=[each for index, curve in enumerate(curves.items()) for each in _curve(*curve, index)],
        rules=_rules(matrix, column),
        caption="Value ± U of each combination; dashed: the limits." + (" Simulated." if simulated else ""),
    )


def _per(unit: str) -> str:
    """Return a unit as the end of an axis' label."""
    return "" if not unit else f" / ({unit})" if "/" in unit else f" / {unit}"


def _curve(others: str, points: Sequence[tuple[float, Measurement]], index: int) -> list[Series]:
    """Return the values in the order of the condition, and their U as upright strokes of the same colour."""
    ordered = sorted(((at, each) for at, each in points), key=lambda point: point[0])
    role = f"condition {index}"
    label = with_minus(others) or "value"
    xs, ys = [at for at, _ in ordered], [each.value for _, each in ordered]
    strokes_x: list[float | None] = []
    strokes_y: list[float | None] = []
    for at, each in ordered:
        if each.value is not None and each.expanded_uncertainty is not None:
            strokes_x += [at, at, None]
            strokes_y += [each.value - each.expanded_uncertainty, each.value + each.expanded_uncertainty, None]
    return [
        Series(label=label, x=list(xs), y=list(ys), style="line", role=role),
        Series(label="", x=strokes_x, y=strokes_y, style="line", role=role),
    ]


def _rules(matrix: Matrix, column: int) -> list[Rule]:
    judged = next((cells[column].judged for _, cells in matrix.rows if cells[column].judged is not None), None)
    sides = (judged.lower, judged.upper) if judged is not None else ()
    return [Rule(y=side, label="limit") for side in sides if side is not None]


def _number(test: TestResult, name: str, unit: str, insulin: str) -> float | None:
    condition: TestCondition | None = next((each for each in test.conditions if each.name == name), None)
    if condition is None or condition.number is None:
        return None
    if condition.unit == unit:
        return condition.number
    try:
        return Quantity(condition.number, condition.unit).to(unit, parse_concentration(insulin) if insulin else None)
    except (QuantityError, KeyError, ValueError):
        return None
