"""Plan and rig for evaluations of recordings that are made."""

from __future__ import annotations

from pathlib import Path

from bench.plan.load import load_plan
from bench.procedures import registry
from bench.procedures.base import Context
from bench.rig.load import load_rig

ROOT = Path(__file__).resolve().parents[2]
UL_PER_MG = 1.003512 * (1.0 - (0.5 / 20.0) ** 2)
"""Water of 23 °C in air of 23 °C, 1013.25 hPa, 50 %: (1 − 1.1855/8000)/(997.5380 − 1.1855) · 1000; with the rig
file's needle of 0.5 mm in a vessel of 20 mm."""


PUMP = "{insulin: U-100, basal_increment: 0.05 U, bolus_increment: 0.05 U}"


def context(tests: str, pump: str = PUMP) -> Context:
    """Return a plan for U-100 with the tests given as YAML, on the rig of `fixtures/simulated.yaml`."""
    plan = (
        f"plan: P\ntitle: made\npump: {pump}\nconditions: {{liquid: water, temperature: 23 °C ± 2 °C}}\ntests:\n{tests}"
    )
    return Context(load_plan(plan, registry(), name="plan.yaml"), load_rig(ROOT / "fixtures" / "simulated.yaml"))
