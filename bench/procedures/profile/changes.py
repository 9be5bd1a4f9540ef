"""The table of changes of the rate: how the pump followed each, and what it lost."""

from __future__ import annotations

from collections.abc import Sequence

from bench.metrology.budget import combined
from bench.procedures.profile.losses import Loss
from bench.procedures.profile.responses import Response
from bench.procedures.shared.dosing import Dosing
from bench.procedures.shared.times import clock
from bench.results.model import Table


def changes_table(followed: Sequence[Response], lost: Sequence[Loss], dosing: Dosing) -> Table:
    """Return every change with its delay, and what it lost."""
    per_u = 1.0 / dosing.ul_per_u
    by_instant = {round(each.after.begin_s): each for each in followed}
    rows = []
    for one in lost:
        response = by_instant.pop(round(one.at_s), None)
        rows.append((one.at_s, _row(one.words, response, one, dosing.began_s, per_u)))
    for each in by_instant.values():
        words = f"{each.before.rate_ul_per_h * per_u:.3g} → {each.after.rate_ul_per_h * per_u:.3g} U/h"
        rows.append((each.after.begin_s, _row(f"{words}, {each.after.reason}", each, None, dosing.began_s, per_u)))
    return Table(
        name="changes",
        title="Changes of the rate: how the pump followed, and what they lost (+) or added (−)",
        columns=["at", "change", "first dose after / min", "interval of the new rate / min", "when told", "lost / U"],
        rows=[row for _, row in sorted(rows)],
        note="Lost: due from the last dose before the change to the first after it, less what came. A pump that carries"
        " the part of a dose over loses nothing; one that drops it loses half a dose on average. ±: k = 2.",
    )


def _row(words: str, response: Response | None, loss: Loss | None, began_s: float, per_u: float) -> list[str]:
    at_s = loss.at_s if loss is not None else response.after.begin_s if response is not None else began_s
    told = "–"
    if loss is not None:
        told = f"{loss.lost_ul * per_u:+.4f} ± {2.0 * combined(loss.budget) * per_u:.4f}"
    if response is None:
        return [clock(at_s - began_s), words, "–", "–", "", told]
    return [
        clock(at_s - began_s),
        words,
        f"{response.delay_s / 60.0:+.2f}",
        f"{response.allowed_s / 60.0:.2f}",
        "yes" if response.on_time else "NO",
        told,
    ]
