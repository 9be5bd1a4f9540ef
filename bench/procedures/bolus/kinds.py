"""What a bolus test of each kind shows: equal boluses, spread ones, cancelled ones, several sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.procedures.base import MeasurementSpec
from bench.procedures.bolus.cancelled import after_cancel, cancelled_difference, cancelled_table, cancelled_words
from bench.procedures.bolus.catalogue import EQUAL
from bench.procedures.bolus.courses import course_error, courses, early_words
from bench.procedures.bolus.evaluation import measure
from bench.procedures.bolus.figures import delivery_figure, row_figures, spread_figure, tables
from bench.procedures.bolus.findings import ALIKE_PERCENT, course_findings, row_findings
from bench.procedures.bolus.row import BolusRow
from bench.procedures.bolus.settings import BolusSettings
from bench.procedures.bolus.sizes import largest_size_error, size_figure, size_table, size_u
from bench.procedures.shared.commands import BOLUS_CANCELLED
from bench.quantities import Concentration
from bench.recording.reader import TestRecord
from bench.results.model import Figure, Measurement, Table

_Specs = Mapping[str, MeasurementSpec]


@dataclass(frozen=True, slots=True)
class Found:
    """What a kind of test adds to an evaluation."""

    measurements: list[Measurement]
    tables: list[Table]
    figures: list[Figure]
    findings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def found_of(
    settings: BolusSettings,
    rows: Sequence[BolusRow],
    record: TestRecord,
    specs: _Specs,
    words: str,
    clear_percent: float = ALIKE_PERCENT,
) -> Found:
    """Return what a test's weighed boluses show, one row for each size.

    An error that all boluses have is told in words from `clear_percent` on.
    """
    if settings.kind == "sizes":
        return _of_sizes(rows, specs, words, clear_percent)
    if settings.kind == "cancelled":
        return _of_cancelled(rows[0], settings.count, record, specs, words)
    if settings.kind == "spread":
        return _of_spread(rows[0], settings, specs, words, clear_percent)
    measured = measure(rows[0], specs)
    findings = row_findings(rows[0], clear_percent, at_once=True)
    return Found(measured, tables(rows[0], _by_name(measured)), row_figures(rows[0], words), findings)


def _of_sizes(rows: Sequence[BolusRow], specs: _Specs, words: str, clear_percent: float) -> Found:
    measured = largest_size_error(rows, specs["largest_size_error"])
    findings = [
        f"{size_u(row):g} U: {finding[:1].lower()}{finding[1:]}"
        for row in rows
        for finding in row_findings(row, clear_percent, at_once=True)
    ]
    return Found([measured], [size_table(rows)], [size_figure(rows, words)], findings)


def _of_cancelled(row: BolusRow, count: int, record: TestRecord, specs: _Specs, words: str) -> Found:
    measured = measure(row, {name: spec for name, spec in specs.items() if name in EQUAL})
    measured.append(cancelled_difference(row, specs["cancelled_difference"]))
    measured.append(after_cancel(row, specs["after_cancel"]))
    told = cancelled_words(row, count, len(record.events(BOLUS_CANCELLED)))
    return Found(measured, [cancelled_table(row)], [delivery_figure(row, words)], *told)


def _of_spread(row: BolusRow, settings: BolusSettings, specs: _Specs, words: str, clear_percent: float) -> Found:
    programmed = settings.programmed(row.commanded_ul, Concentration(1000.0 / row.ul_per_u))
    found = courses(row, programmed)
    measured = measure(row, {name: spec for name, spec in specs.items() if name in EQUAL})
    measured.append(course_error(found, row, specs["course_error"]))
    figures = [*([spread_figure(found, programmed, words)] if found else []), *row_figures(row, words)]
    findings = [*early_words(found, programmed), *course_findings(found)]
    findings += row_findings(row, clear_percent, at_once=False)
    return Found(measured, tables(row, _by_name(measured)), figures, findings)


def _by_name(measured: Sequence[Measurement]) -> dict[str, Measurement]:
    return {one.name: one for one in measured}
