"""Plan and rig of an imported recording, where they come from options: written as YAML, so that it is read as ever."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from bench.plan.load import load_plan
from bench.plan.model import Plan
from bench.procedures.base import Procedure
from bench.rig.errors import RigFileError
from bench.rig.imported import IMPORTED
from bench.rig.load import load_rig
from bench.rig.model import Rig
from bench.strict_yaml import Problem, YamlError

COMMAND_LINE = "command line"


@dataclass(frozen=True, slots=True)
class TestOptions:
    """A test that is described by options; texts are as a plan has them.

    `pump`, `conditions` and `settings` are keys of the plan's sections of these names, `accept` limits by measurement.
    """

    __test__ = False  # not a pytest class

    procedure: str
    id: str
    title: str
    settings: Mapping[str, str]
    pump: Mapping[str, str]
    accept: Mapping[str, str] = field(default_factory=dict)
    conditions: Mapping[str, str] = field(default_factory=dict)
    decision: str = "guarded"
    verifies: tuple[str, ...] = ()


class OptionsError(YamlError):
    """Options that make no plan or no rig; the text names the options and not a file that nobody wrote."""

    def __init__(self, error: YamlError, words: Mapping[str, str]) -> None:
        self.problems = error.problems
        Exception.__init__(self, "\n".join(dict.fromkeys(_by_option(problem, words) for problem in error.problems)))


def plan_of(options: TestOptions, procedures: Mapping[str, Procedure]) -> Plan:
    """Return the plan with the one test that options describe.

    Raises:
        OptionsError: what is wrong with them, all at once.

    """
    text = {
        "plan": "IMPORTED",
        "title": options.title,
        "pump": dict(options.pump),
        **({"conditions": dict(options.conditions)} if options.conditions else {}),
        "decision": _meant(options.decision),
        "tests": [
            {
                "id": options.id,
                "title": options.title,
                "procedure": options.procedure,
                **{key: _meant(value) for key, value in options.settings.items()},
                **({"verifies": list(options.verifies)} if options.verifies else {}),
                "accept": {key: _meant(value) for key, value in options.accept.items()},
            }
        ],
    }
    try:
        return load_plan(_yaml(text), procedures, name=COMMAND_LINE, without_limits=True)
    except YamlError as error:
        raise OptionsError(error, _PLAN_OPTIONS) from None


def rig_of(balance: Mapping[str, Any], more: Mapping[str, Any], *, pressure: bool) -> Rig:
    """Return the rig that options describe: a balance, its figures, and what is known of the vessel.

    Raises:
        OptionsError: what is wrong with them, all at once.

    """
    instruments: dict[str, Any] = {"balance": {"driver": IMPORTED, **balance}}
    if pressure:
        instruments["pressure"] = {"driver": IMPORTED}
    try:
        return load_rig(_yaml({"rig": "imported", "instruments": instruments, **more}), name=COMMAND_LINE)
    except RigFileError as error:
        raise OptionsError(error, _RIG_OPTIONS) from None


_PLAN_OPTIONS = {
    "pump.insulin": "--insulin",
    "pump.basal_increment": "--basal-increment",
    "pump.bolus_increment": "--bolus-increment",
    "pump.delivery": "--delivery",
    "conditions.temperature": "--temperature",
    "decision": "--decision",
    "tests[0].procedure": "--procedure",
    "tests[0].id": "--test",
}
_RIG_OPTIONS = {
    "instruments.balance.readability": "--readability",
    "instruments.balance.repeatability": "--repeatability",
    "instruments.balance.linearity": "--linearity",
    "instruments.balance.drift": "--drift",
    "evaporation.rate": "--evaporation",
    "evaporation.half_width": "--evaporation",
    "liquid_temperature": "--liquid-temperature",
}


def _by_option(problem: Problem, words: Mapping[str, str]) -> str:
    """Return a problem by the option that it comes from."""
    path = problem.path
    named = words.get(path)
    if named is None and (limit := re.match(r"tests\[0\]\.(?:\w+\.)?accept\.(\w+)\Z", path)):
        named = f"--accept {limit[1]}=…"
    if named is None and (setting := re.match(r"tests\[0\]\.(\w+)\Z", path)):
        named = f"--set {setting[1]}=…"
    missing = re.search(r"key '(\w+)' is missing", problem.text)
    if missing:
        way = words.get(f"{path}.{missing[1]}", f"--set {missing[1]}=…")
        return f"{missing[1]!r} is missing: give it by {way}"
    return f"{named or path or COMMAND_LINE}: {problem.text}"


def _meant(text: str) -> Any:
    """Return an option's text as a plan's YAML would have it: numbers and mappings are such, all else is text."""
    if re.fullmatch(r"[+-]?\d+", text.strip()):
        return int(text)
    if text.strip().startswith(("{", "[")):
        try:
            return yaml.safe_load(text)
        except yaml.YAMLError:
            return text
    return {"true": True, "false": False}.get(text.strip(), text)


def _yaml(data: Mapping[str, Any]) -> str:
    return str(yaml.safe_dump(dict(data), allow_unicode=True, sort_keys=False, width=1000))
