"""A level that falls at once is no delivery: it is doubted, but for what hands and the clamp do."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pytest

from bench.procedures.shared.falls import fall_doubts
from bench.procedures.shared.weighing import weigh_record
from tests.procedures import test_basal_evaluation as basal
from tests.procedures.made_recordings import Happening

AT_S = 3000.0


def doubts(fall_mg: float, events: Sequence[Happening] = (), lasting_s: float = 0.0) -> list[str]:
    """Return what is doubted of 1 U/h whose level falls by so much at once, or over so long."""
    recording = basal.made()
    curve = basal.mass([(at_s, 0.05) for at_s in basal.schedule()])
    recording.events = sorted([*recording.events, *events], key=lambda each: each[0])

    def shown_mg(time_s: np.ndarray) -> np.ndarray:
        fallen = np.clip((time_s - AT_S) / max(lasting_s, 1e-9), 0.0, 1.0)
        return np.asarray(curve(time_s) - fall_mg * fallen)

    recording.balance(shown_mg, seed=4)
    of, record = basal.made_context(), recording.in_memory()
    return fall_doubts(record, weigh_record(record, of), record.start_s)


@pytest.mark.parametrize("fall_mg", [1.5, 6.0, 25_000.0])
def test_a_fall_is_doubted_with_its_size_and_its_instant(fall_mg: float) -> None:
    (doubt,) = doubts(fall_mg)
    (told,) = re.findall(r"fell by ([\d.]+) mg", doubt)
    assert float(told) == pytest.approx(fall_mg, abs=0.5)
    assert "within seconds at minute 50.0, and stayed down" in doubt


@pytest.mark.parametrize(("fall_mg", "lasting_s"), [(0.0, 0.0), (0.5, 0.0), (-6.0, 0.0), (6.0, 120.0)])
def test_what_a_pump_or_a_drift_may_do_is_no_fall(fall_mg: float, lasting_s: float) -> None:
    assert doubts(fall_mg, lasting_s=lasting_s) == []


@pytest.mark.parametrize("kind", ["operator confirmed", "operator refused"])
def test_hands_that_were_asked_to_the_bench_may_take_something_off(kind: str) -> None:
    asked = {"action": "remove_weight", "reason": "", "asked_s": AT_S - 30.0, "answered_s": AT_S + 5.0}
    assert doubts(6.0, [(AT_S + 5.0, kind, asked)]) == []
    assert doubts(6.0, [(AT_S + 905.0, kind, {**asked, "asked_s": AT_S + 870.0, "answered_s": AT_S + 905.0})])


@pytest.mark.parametrize("kind", ["occluder closed", "occluder opened"])
def test_a_clamp_may_draw_liquid_back(kind: str) -> None:
    assert doubts(3.0, [(AT_S - 2.0, kind, {})]) == []
    assert doubts(3.0, [(AT_S - 60.0, kind, {})])
