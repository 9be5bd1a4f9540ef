"""What drives of several procedures have in common: weighing a blank, starting and stopping a basal rate."""

from __future__ import annotations

from bench.procedures.base import Stage
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
    sent_s = stage.clock.now_s()
    stage.pump_as(DeliversBasal).start_basal(rate_ul_per_h)
    acknowledged_s = stage.clock.now_s()
    stage.event("basal commanded", rate_ul_per_h=rate_ul_per_h, sent_s=sent_s, acknowledged_s=acknowledged_s)


def stop_basal(stage: Stage) -> None:
    """Stop the pump, whatever it does, and record when."""
    sent_s = stage.clock.now_s()
    stage.pump.stop()
    stage.event("basal stopped", sent_s=sent_s, acknowledged_s=stage.clock.now_s())
