"""What several runs give together, as text for a terminal."""

from __future__ import annotations

import textwrap

from bench.results.model import Table
from bench.results.pooled import Pooled, PooledGroup

_WIDTH = 110


def pooled_text(pooled: Pooled) -> str:
    """Return everything that was pooled, group by group, in the tables of the page."""
    pumps = f"{len(pooled.runs)} runs of {len(pooled.pumps)} pump{'' if len(pooled.pumps) == 1 else 's'}"
    lines = ["SIMULATED"] if pooled.simulated else []
    lines.append(f"{pumps}, {pooled.insulin}:")
    lines += [f"  {run.run}: pump {run.pump}, plan {run.plan}" for run in pooled.runs]
    lines += [_wrapped(f"Note: {note}", "") for note in pooled.notes]
    if pooled.left_out:
        lines.append("Left out:")
        lines += [_wrapped(f"{each.run} {each.test}: {each.reason}", "  ") for each in pooled.left_out]
    return "\n".join([*lines, *(_group(group) for group in pooled.groups)])


def _group(group: PooledGroup) -> str:
    head = f"{group.title}: {group.tests} test{'' if group.tests == 1 else 's'}, {group.pumps} pump"
    head += "" if group.pumps == 1 else "s"
    lines = ["", head, "=" * len(head)]
    lines += [_wrapped(f"Note: {note}", "") for note in group.notes]
    for table in group.tables:
        lines += ["", table.title, *_table(table)]
        if table.note:
            lines.append(_wrapped(table.note, "  "))
    return "\n".join(lines)


def _table(table: Table) -> list[str]:
    rows = [table.columns, *table.rows]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return ["  " + "  ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]


def _wrapped(text: str, indent: str) -> str:
    return textwrap.fill(text, _WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  ")
