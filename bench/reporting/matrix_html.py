"""The comparison over conditions as HTML, for the head of a report."""

from __future__ import annotations

from html import escape

from bench.reporting.figure_html import figure_html
from bench.reporting.matrix import Cell, Matrix, matrices, matrix_figures, spread_lines, value_text
from bench.reporting.measurements import NOT_JUDGED, verdict_chip
from bench.reporting.numbers import with_minus
from bench.results.model import RunResult


def matrices_html(run: RunResult) -> str:
    """Return a table, and figures, for each entry of the plan that was repeated over conditions."""
    return "".join(_matrix(each, run.simulated) for each in matrices(run))


def _matrix(matrix: Matrix, simulated: bool) -> str:
    heads = "".join(f"<th>{escape(_capital(name))}" for name in matrix.names)
    heads += "<th>Verdict" + "".join(
        f"<th>{escape(_capital(matrix.head(column)))}<small>limit {escape(limit)}</small>"
        for column, limit in enumerate(matrix.limits)
    )
    rows = "".join(
        "<tr>"
        + "".join(f'<th scope="row">{escape(with_minus(value_text(test, name)))}' for name in matrix.names)
        + f"<td>{verdict_chip(test.verdict)}"
        + "".join(_cell(cell) for cell in cells)
        + "</tr>"
        for test, cells in matrix.rows
    )
    left = f"<p>Not run: {escape(', '.join(matrix.not_run))}.</p>" if matrix.not_run else ""
    drawn = "".join(
        figure_html(each, f"matrix/{each.name}", simulated, zoomable=False)
        for each in matrix_figures(matrix, simulated)
    )
    table = f'<div class="data"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
    figures = f'<div class="figures">{drawn}</div>' if drawn else ""
    title = f"<h3>{escape(matrix.entry)}: compared over its conditions</h3>"
    spread = "".join(f"<li>{escape(with_minus(line))}" for line in spread_lines(matrix))
    told = f"<ul>{spread}</ul>" if spread else ""
    return f'<div class="matrix">{title}{told}{table}{left}{figures}</div>'


def _cell(cell: Cell) -> str:
    if cell.judged is None:
        return f"<td>{escape(cell.text)}"
    return f"<td>{escape(cell.text)} {NOT_JUDGED if cell.partial else verdict_chip(cell.judged.verdict)}"


def _capital(name: str) -> str:
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]
