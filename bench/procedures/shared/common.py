"""What drives of several procedures have in common: weighing a blank, starting and stopping a basal rate."""

from __future__ import annotations

from bench.procedures.base import Stage
from bench.procedures.shared.commands import BASAL, BASAL_STOPPED, tell
from bench.procedures.shared.levels import SETTLE_S
from drivers.roles import DeliversBasal


def record_blank(stage: Stage, duration_s: float) -> None:
    """Weigh without delivery for `duration_s`, so that evaporation and the balance's noise are known."""
    if duration_s <= 0.0:
        return
    stage.event("blank started")
    stage.wait_s(duration_s, "weighing a blank")
    stage.event("blank ended")


def let_settle(stage: Stage) -> None:
    """Let what the line still gives after the stop arrive, and record when that counts as over."""
    stage.wait_s(SETTLE_S, "settling")
    stage.event("settled")


def start_basal(stage: Stage, rate_ul_per_h: float) -> None:
    """Start a basal rate, or change it, and record when it was sent and acknowledged."""
    pump = stage.pump_as(DeliversBasal)
    tell(stage, BASAL, lambda: pump.start_basal(rate_ul_per_h), rate_ul_per_h=rate_ul_per_h)


def stop_basal(stage: Stage) -> None:
    """Stop the pump, whatever it does, and record when."""
    tell(stage, BASAL_STOPPED, stage.pump.stop)
