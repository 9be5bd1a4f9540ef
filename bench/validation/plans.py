"""The short tests of a twin study: a few pulses, a few boluses, one occlusion, an hour at rest."""

from __future__ import annotations

from bench.plan.load import load_plan
from bench.plan.model import Plan
from bench.procedures import registry
from bench.twin.settings import PumpSettings

PROCEDURES = ("basal", "bolus", "occlusion", "idle")
VARIANTS = ("square bolus", "dual bolus", "cancelled bolus")
"""Further short tests of these procedures, for studies of what only they measure."""
_TESTS = {
    "square bolus": (
        "{id: BOLUS, procedure: bolus, volume: 1 U, count: 2, shape: square, over: 20 min, accept: {mean_error: %s}}"
    ),
    "dual bolus": (
        "{id: BOLUS, procedure: bolus, volume: 1 U, count: 2, shape: dual, now: 40 %%, over: 20 min,"
        " accept: {mean_error: %s}}"
    ),
    "cancelled bolus": (
        "{id: BOLUS, procedure: bolus, volume: 1 U, count: 5, cancel_after: 50 %%, accept: {cancelled_difference: %s}}"
    ),
    "basal": "{id: BASAL, procedure: basal, rate: 1 U/h, duration: 1 h, blank: 15 min, accept: {mean_error: %s}}",
    "bolus": "{id: BOLUS, procedure: bolus, volume: 1 U, count: 5, blank: 10 min, accept: {mean_error: %s}}",
    "occlusion": (
        "{id: OCCLUSION, procedure: occlusion, rate: 15 U/h, run_in: 3 min, timeout: 40 min,"
        " release_observation: 5 min, blank: 10 min, accept: {stored_bolus: %s}}"
    ),
    "idle": (
        "{id: IDLE, procedure: idle, state: suspended, rate: 1 U/h, run_in: 10 min, duration: 1 h,"
        " accept: {unintended_rate: %s}}"
    ),
}
_WIDE = {"basal": "±90 %", "bolus": "±90 %", "occlusion": "<= 100 U", "idle": "±10 U/h"}


def short_plan(procedure: str, pump: PumpSettings, limit: str = "", decision: str = "guarded") -> Plan:
    """Return a plan of one short test of a procedure.

    Args:
        procedure: one of `PROCEDURES`, or of `VARIANTS`.
        pump: the twin's, whose insulin and pulses the plan tells.
        limit: of its `accept:`; nothing is a limit that every pump keeps.
        decision: the decision rule, as a plan has it.

    Raises:
        KeyError: there is no short test of this procedure.

    """
    test = _TESTS[procedure] % f'"{limit or _WIDE[procedure.split()[-1]]}"'
    text = f"""
plan: VALIDATION-{procedure.upper().replace(" ", "-")}
title: Short {procedure} test of a twin study
pump: {{insulin: {pump.insulin}, basal_increment: {pump.pulse}, bolus_increment: {pump.pulse}}}
conditions: {{liquid: water, temperature: 23 °C ± 2 °C}}
decision: {decision}
tests:
  - {test}
"""
    return load_plan(text, registry(), name=f"{procedure}.yaml")
