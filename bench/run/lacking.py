"""What a rig lacks for a test of a plan: its procedure's roles and capabilities, and hands for its conditions."""

from __future__ import annotations

from bench.plan.model import PlanTest
from bench.procedures.base import Procedure
from bench.rig.fitness import misfits, untold
from bench.rig.model import Rig
from drivers.roles import Operator


def lacking(rig: Rig, test: PlanTest, procedure: Procedure) -> list[str]:
    """Return in words what a test's procedure, and the conditions that somebody has to set for it, need and the rig
    lacks; empty where it can be run.
    """
    found = misfits(rig, procedure.requires(test.settings))
    found += untold(rig, [name for name in test.accept if procedure.measurements[name].told_by_pump])
    if test.on_the_bench:
        names = " and ".join(each.name.replace("_", " ") for each in test.on_the_bench)
        found += [f"{each} ({names}: set by an operator)" for each in misfits(rig, {"operator": [Operator]})]
    return found
