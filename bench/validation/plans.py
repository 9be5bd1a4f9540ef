"""The short tests of a twin study: pulses, boluses, one occlusion, with blanks around; a blank; a rest; a check."""

from __future__ import annotations

from bench.plan.load import load_plan
from bench.plan.model import Plan
from bench.procedures import registry
from bench.twin.settings import PumpSettings

PROCEDURES = ("basal", "bolus", "occlusion", "blank", "reservoir", "idle")
"""What a study runs unless it is told otherwise."""
POWER = "power"
"""Its twin hangs on the rig's supply."""
CHECK = "check"
"""Its weight and its doser are drawn anew for each run, too."""
DAYS = ("profile", "wear")
OCCLUSIONS = ("occlusion-repeated", "occlusion-released", "occlusion-flowing")
"""Other kinds of occlusion tests; what they measure has the truths of `occlusion`."""
VARIANTS = ("square bolus", "dual bolus", "cancelled bolus")
"""Further short tests of boluses, for studies of what only they measure."""
CONTINUOUS = "continuous basal"
"""What only the trumpet of an infusion measures; it asks for a syringe pump (`fixtures/simulated-syringe.yaml`)."""
KNOWN = (*PROCEDURES, *DAYS, *OCCLUSIONS, *VARIANTS, POWER, CHECK, CONTINUOUS)
"""Everything that there is a short test of."""
VALIDATED = tuple(each for each in KNOWN if each != CONTINUOUS)
"""What a validation of a rig with an insulin pump runs unless it is told otherwise."""
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
    "continuous basal": (
        "{id: INFUSION, procedure: basal, rate: 5 mL/h, duration: 2 h, blank: 10 min, trumpet: infusion,"
        " accept: {mean_error: %s}}"
    ),
    "bolus": "{id: BOLUS, procedure: bolus, volume: 1 U, count: 5, blank: 10 min, accept: {mean_error: %s}}",
    "occlusion": (
        "{id: OCCLUSION, procedure: occlusion, rate: 15 U/h, run_in: 3 min, timeout: 40 min,"
        " release_observation: 5 min, blank: 10 min, accept: {stored_bolus: %s}}"
    ),
    "blank": "{id: BLANK, procedure: blank, duration: 1 h, accept: {evaporation_rate: %s}}",
    "check": (
        "{id: CHECK, procedure: check, weight: 20 g ± 0.08 mg, dose: 5 U ± 0.025 U, settle: 60 s,"
        " accept: {weight_error: %s}}"
    ),
    "reservoir": (
        "{id: RESERVOIR, procedure: reservoir, remaining: 25 U, put_in: true, rate: 30 U/h, new: 300 U, blank: 10 min,"
        " accept: {remainder_at_empty: %s}}"
    ),
    "power": (
        "{id: POWER, procedure: power, rate: 6 U/h, run_in: 10 min, off_for: 10 min, blank: 10 min,"
        " accept: {error_after_return: %s}}"
    ),
    "occlusion-repeated": (
        "{id: OCCLUSION-REPEATED, procedure: occlusion, rate: 15 U/h, run_in: 3 min, timeout: 40 min, repeats: 3,"
        " release_observation: 5 min, blank: 10 min, accept: {stored_bolus: %s}}"
    ),
    "occlusion-released": (
        "{id: OCCLUSION-RELEASED, procedure: occlusion, rate: 15 U/h, run_in: 3 min, timeout: 40 min,"
        " release_before_alarm_at: 60 kPa, release_observation: 5 min, blank: 10 min, accept: {missed_volume: %s}}"
    ),
    "occlusion-flowing": (
        "{id: OCCLUSION-FLOWING, procedure: occlusion, rate: 30 U/h, occlude: false, duration: 20 min,"
        " release_observation: 2 min, blank: 10 min, accept: {flow_error: %s}}"
    ),
    "idle": (
        "{id: IDLE, procedure: idle, state: suspended, rate: 1 U/h, run_in: 10 min, duration: 1 h,"
        " accept: {unintended_rate: %s}}"
    ),
    "profile": (
        "{id: PROFILE, procedure: profile, blank: 15 min, duration: 200 min, segments: [{at: 0 min, rate: 1 U/h},"
        " {at: 68 min, rate: 2 U/h}, {at: 110 min, rate: 0.6 U/h}], overlay: [{at: 12 min, bolus: 2 U},"
        " {at: 30 min, bolus: 0.5 U, extended: 0.5 U, lasting: 15 min},"
        " {at: 75 min, temporary: 50 %%, lasting: 20 min}, {at: 160 min, suspend: 15 min}], accept: {mean_error: %s}}"
    ),
    "wear": (
        "{id: WEAR, procedure: wear, blank: 30 min, duration: 24 h, segments: [{at: 0 h, rate: 0.8 U/h},"
        " {at: 8 h, rate: 1.3 U/h}, {at: 15 h, rate: 0.5 U/h}], daily: [{at: 1 h, bolus: 3 U}, {at: 9 h, bolus: 4 U},"
        " {at: 12 h, temporary: 50 %%, lasting: 1 h}], accept: {mean_error: %s}}"
    ),
}
_WIDE = {
    "power": "±90 %",
    "blank": "±90 mg/h",
    "check": "±90 mg",
    "reservoir": "±90 U",
    "idle": "±10 U/h",
    "profile": "±90 %",
    "wear": "±90 %",
    "basal": "±90 %",
    "bolus": "±90 %",
    **dict.fromkeys(("occlusion", "occlusion-repeated", "occlusion-released"), "<= 100 U"),
    "occlusion-flowing": "±90 %",
}


def short_plan(procedure: str, pump: PumpSettings, limit: str = "", decision: str = "guarded") -> Plan:
    """Return a plan of one short test of a procedure.

    Args:
        procedure: one of `KNOWN`.
        pump: the twin's, whose insulin and pulses the plan tells.
        limit: of its `accept:`; nothing is a limit that every pump keeps.
        decision: the decision rule, as a plan has it.

    Raises:
        KeyError: there is no short test of this procedure.

    """
    test = _TESTS[procedure] % f'"{limit or _WIDE[procedure.split()[-1]]}"'
    meters = f"basal_increment: {pump.pulse}, bolus_increment: {pump.pulse}"
    text = f"""
plan: VALIDATION-{procedure.upper().replace(" ", "-")}
title: Short {procedure} test of a twin study
pump: {{insulin: {pump.insulin}, {"delivery: continuous" if procedure == CONTINUOUS else meters}}}
conditions: {{liquid: water, temperature: 23 °C ± 2 °C}}
decision: {decision}
tests:
  - {test}
"""
    return load_plan(text, registry(), name=f"{procedure}.yaml")
