"""Tables of a report's head: which requirement is verified by what, and on which instruments."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from bench.metrology.rounding import number
from bench.reporting.measurements import verdict_chip
from bench.results.model import Certificate, RunResult, Verdict

_WORST_FIRST = (Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.PASS)
_NOT_RUN = '<b class="v v-inconclusive">NOT RUN</b>'


def requirements_html(run: RunResult) -> str:
    """Return requirement, tests and worst verdict of each; one of whose tests any was not run has no pass."""
    ids = [each for test in run.tests for each in test.verifies]
    ids += [each for test in run.not_run for each in test.verifies]
    rows = "".join(_requirement_row(run, each) for each in dict.fromkeys(ids))
    return table_html("requirements", "Requirements", ("Verdict", "Requirement", "Verified by"), rows)


def instruments_html(run: RunResult) -> str:
    """Return the instruments, each with what it says of itself and what the rig file says of its calibration."""
    rows = []
    for role, facts in run.instruments.items():
        name = " ".join(filter(None, (facts.get("manufacturer", ""), facts.get("model", facts.get("identity", "")))))
        serial = facts.get("serial_number", "")
        firmware = facts.get("firmware", "")
        way = " · ".join(filter(None, (facts.get("driver", ""), facts.get("address", ""))))
        known = {"manufacturer", "model", "identity", "serial_number", "firmware", "driver", "address", "calibration"}
        more = "; ".join(f"{key.replace('_', ' ')} {value}" for key, value in facts.items() if key not in known)
        rows.append(
            f'<tr><th scope="row">{escape(role)}<td>{escape(name)}{_small(more)}<td>{escape(serial)}'
            f"{_small(f'firmware {firmware}' if firmware else '')}<td>{_calibration(run, role)}<td>{escape(way)}</tr>"
        )
    heads = ("Role", "Instrument", "Serial number", "Calibration", "Driver and address")
    return table_html("instruments", "Instruments", heads, "".join(rows))


def overdue_html(run: RunResult) -> str:
    """Return a warning where a calibration had run out before the run began."""
    late = [
        f"{role} ({each.certificate}, due {each.due})"
        for role, each in run.calibrations.items()
        if each and each.overdue
    ]
    if not late:
        return ""
    return f'<p class="overdue"><b>Calibration overdue</b> when the run began: {escape(", ".join(late))}</p>'


def table_html(kind: str, title: str, columns: Sequence[str], rows: str) -> str:
    """Return a titled table of rows that are HTML already; nothing where there are none."""
    if not rows:
        return ""
    heads = "".join(f"<th>{escape(column)}" for column in columns)
    return (
        f'<div class="{kind}"><h3>{title}</h3><div class="data"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></div>"
    )


def _requirement_row(run: RunResult, requirement: str) -> str:
    tests = [test for test in run.tests if requirement in test.verifies]
    left = [test.id for test in run.not_run if requirement in test.verifies]
    verdicts = [test.verdict for test in tests]
    worst = next((verdict for verdict in _WORST_FIRST if verdict in verdicts), Verdict.PASS)
    chip = _NOT_RUN if left and worst is Verdict.PASS else verdict_chip(worst)
    told = [f"{test.id} {test.verdict.value}" for test in tests] + [f"{each} not run" for each in left]
    return f'<tr><td>{chip}<th scope="row">{escape(requirement)}<td>{escape(", ".join(told))}</tr>'


def _calibration(run: RunResult, role: str) -> str:
    if role not in run.calibrations:
        return ""
    stated = run.calibrations[role]
    if stated is None:
        return '<i class="none">no certificate stated</i>'
    spread = f"U = {stated.expanded_uncertainty} (k = {number(stated.coverage_factor, 3)})"
    return f"{escape(stated.certificate)}{_due(stated)}{_small(spread)}"


def _due(stated: Certificate) -> str:
    if stated.due is None:
        return _small("no due date stated")
    if stated.overdue:
        return f'<small class="late">OVERDUE since {escape(stated.due)}</small>'
    return _small(f"due {stated.due}")


def _small(text: str) -> str:
    return f"<small>{escape(text)}</small>" if text else ""
