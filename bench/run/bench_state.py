"""How the bench stands: conditions that an operator has set stay until another is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.plan.conditions import BENCH_CONDITIONS, Condition
from bench.plan.model import PlanTest
from bench.procedures.base import Stage
from drivers.errors import RefusedError
from drivers.roles import OperatorAction, OperatorRequest

CONDITION_SET = "condition set"
CONDITION_LEFT = "condition left"
BY_SETTING = "the test's own setting"
SETTLED_S = 180.0
"""A line takes liquid back as a pressure stretches it, most of it at once and the rest as soft parts creep."""

_ACTIONS: Mapping[str, tuple[OperatorAction, str]] = {
    "set_lot": (OperatorAction.CHANGE_SET, ""),
    "reservoir_fill": (OperatorAction.CHANGE_RESERVOIR, "µL"),
    "temperature": (OperatorAction.SET_TEMPERATURE, "°C"),
    "head_height": (OperatorAction.SET_HEAD_HEIGHT, "mm"),
    "back_pressure": (OperatorAction.SET_BACK_PRESSURE, "kPa"),
}
"""What is asked for each condition, and the unit that machines get its value in."""
_WORDS = {
    "set_lot": "Put in an infusion set of lot {}, primed as its instructions say",
    "reservoir_fill": "Put in a reservoir that holds {}, and prime what has to be primed",
    "temperature": "Bring room or chamber to {}, and answer when everything has settled there",
    "head_height": "Put the reservoir {} above the outlet",
    "back_pressure": "Set the pressure at the outlet to {}",
}


@dataclass(frozen=True, slots=True)
class InForce:
    """A condition that stands on the bench: by whom, since when, and for which test it was asked."""

    condition: Condition
    by: str
    set_s: float
    test: str


class BenchState:
    """The conditions in force; at first nobody knows any."""

    def __init__(self) -> None:
        self._in_force: dict[str, InForce] = {}

    def missing(self, test: PlanTest) -> list[Condition]:
        """Return the conditions of a test that the bench does not have yet, in the order in which they are set."""
        return sorted(
            (each for each in test.on_the_bench if not self._stands(each)),
            key=lambda each: list(BENCH_CONDITIONS).index(each.name) if each.name in BENCH_CONDITIONS else -1,
        )

    def bring_about(self, test: PlanTest, stage: Stage, operator: str, plan_insulin: Any) -> None:
        """Have the operator set what the bench does not have yet, and let it settle; else it is not in force.

        Args:
            test: whose conditions are wanted.
            stage: asks.
            operator: who is asked, in words.
            plan_insulin: concentration by which insulin units of a reservoir become volumes.

        Raises:
            RefusedError: the operator cannot.
            InstrumentError: an instrument was lost meanwhile.

        """
        asked = self.missing(test)
        for condition in asked:
            self._in_force.pop(condition.name, None)
            action, value, unit, words = _request(condition, plan_insulin)
            answer = stage.ask(OperatorRequest(action, words, value, unit))
            if not answer.done:
                raise RefusedError("operator", f"could not set {condition.words}: {answer.reason or 'no reason given'}")
            self._in_force[condition.name] = InForce(condition, operator, answer.time_s, test.id)
        if asked:
            stage.wait_s(SETTLED_S, "letting line and balance settle under the new conditions")

    def told(self, test: PlanTest, now_s: float) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the events that say under which conditions a test is run."""
        for condition in test.conditions:
            found = self._in_force.get(condition.name) if condition.on_the_bench else None
            yield (
                CONDITION_SET,
                {
                    "name": condition.name,
                    "kind": condition.kind,
                    "value": condition.text,
                    "number": condition.number,
                    "unit": condition.unit,
                    "by": found.by if found else BY_SETTING,
                    "set_s": found.set_s if found else now_s,
                    "asked_for": found.test if found else test.id,
                },
            )
        named = {each.name for each in test.conditions}
        for left in self._in_force.values():
            if left.condition.name not in named:
                words, by = left.condition.words, left.by
                yield CONDITION_LEFT, {"words": words, "by": by, "set_s": left.set_s, "asked_for": left.test}

    def _stands(self, condition: Condition) -> bool:
        found = self._in_force.get(condition.name)
        return found is not None and found.condition.text == condition.text


def operator_in_words(identity: Mapping[str, str]) -> str:
    """Return who an operator is, as its identity has it: `operator pumpbench twin simulated operator SIM-HANDS-1`."""
    told = (identity.get(key, "") for key in ("manufacturer", "model", "serial_number"))
    name = " ".join(filter(None, told))
    return name if name.startswith("operator") else f"operator {name}".strip()


def _request(condition: Condition, insulin: Any) -> tuple[OperatorAction, float, str, str]:
    """Return action, value, unit and words of what an operator is asked."""
    if condition.name not in _ACTIONS or condition.kind != "bench":
        return OperatorAction.SET_CONDITION, 0.0, "", f"Set {condition.name.replace('_', ' ')} to {condition.text}"
    action, unit = _ACTIONS[condition.name]
    words = _WORDS[condition.name].format(condition.text)
    if condition.name == "head_height" and condition.quantity.value < 0.0:
        words = f"Put the reservoir {condition.text.removeprefix('-')} below the outlet"
    if not unit:
        return action, float(condition.place), "", words
    return action, condition.quantity.to(unit, insulin), unit, words
