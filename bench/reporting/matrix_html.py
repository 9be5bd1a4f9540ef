"""The comparison over conditions as HTML, for the head of a report."""

from __future__ import annotations

from html import escape

from bench.reporting.figure_html import figure_html
from bench.reporting.matrix import Cell, Matrix, matrices, matrix_figures, value_text
from bench.reporting.measurements import verdict_chip
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
        + "".join(f'<th scope="row">{escape(value_text(test, name))}' for name in matrix.names)
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
    return f'<div class="matrix">{title}{table}{left}{figures}</div>'


def _cell(cell: Cell) -> str:
    chip = f" {verdict_chip(cell.judged.verdict)}" if cell.judged is not None else ""
    return f"<td>{escape(cell.text)}{chip}"


def _capital(name: str) -> str:
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]
