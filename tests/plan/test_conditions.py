"""A test with `conditions:` becomes one for each combination; what cannot be meant is refused at its place."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from bench.plan.load import load_plan
from bench.plan.model import Plan, PlanError
from bench.plan.schema import plan_schema
from bench.procedures import registry
from bench.quantities import Quantity, Tolerance
from bench.strict_yaml import load

PLAN = """\
plan: TP-MATRIX
title: A matrix
pump: {{insulin: U-100, basal_increment: 0.05 U}}
conditions: {{temperature: 23 °C ± 2 °C}}
tests:
  - id: BEFORE
    procedure: basal
    rate: 1 U/h
    duration: 2 h
    accept: {{mean_error: ±5 %}}
  - id: BASAL
    procedure: {procedure}
    verifies: [REQ-1]
    accept: {accept}
{lines}
"""


def text(lines: str, procedure: str = "basal", accept: str = "{mean_error: ±5 %}") -> str:
    body = "\n".join(f"    {line}" for line in lines.splitlines())
    return PLAN.format(lines=body, procedure=procedure, accept=accept)


def plan(lines: str, procedure: str = "basal", accept: str = "{mean_error: ±5 %}") -> Plan:
    return load_plan(text(lines, procedure, accept), registry(), name="p.yaml")


def refusal(lines: str) -> str:
    with pytest.raises(PlanError) as caught:
        plan(lines)
    return str(caught.value)


def test_two_rates_by_two_heights_are_four_tests_whose_height_changes_once() -> None:
    made = plan("duration: 4 h\nconditions: {rate: [0.1 U/h, 1 U/h], head_height: [-30 cm, 30 cm]}")
    assert [test.id for test in made.tests] == [
        "BEFORE",
        "BASAL[rate 0.1 U/h, head -30 cm]",
        "BASAL[rate 1 U/h, head -30 cm]",
        "BASAL[rate 0.1 U/h, head 30 cm]",
        "BASAL[rate 1 U/h, head 30 cm]",
    ]
    last = made.tests[4]
    assert last.settings.rate == Quantity(1.0, "U/h")
    assert last.settings.duration == Quantity(4.0, "h")
    assert (last.entry, last.verifies, last.accept["mean_error"].text, last.line) == ("BASAL", ("REQ-1",), "±5 %", 11)
    assert [(each.name, each.kind, each.number, each.unit) for each in last.conditions] == [
        ("rate", "setting", 1.0, "U/h"),
        ("head_height", "bench", 30.0, "cm"),
    ]
    assert [each.keyword for each in last.conditions] == ["rate-1U/h", "head-30cm"]


def test_what_is_hardest_to_change_is_the_outermost_loop() -> None:
    made = plan(
        "rate: 1 U/h\nduration: 4 h\nconditions:\n"
        "  back_pressure: [0 kPa, 13.33 kPa]\n  by_hand: {orientation: [upright, flat]}\n  set_lot: [A, B]"
    )
    told = [tuple(each.text for each in test.conditions) for test in made.tests[1:]]
    assert told == [
        ("0 kPa", "upright", "A"),
        ("13.33 kPa", "upright", "A"),
        ("0 kPa", "flat", "A"),
        ("13.33 kPa", "flat", "A"),
        ("0 kPa", "upright", "B"),
        ("13.33 kPa", "upright", "B"),
        ("0 kPa", "flat", "B"),
        ("13.33 kPa", "flat", "B"),
    ]
    assert made.tests[1].id == "BASAL[back 0 kPa, orientation upright, lot A]"


def test_a_height_that_the_procedure_knows_is_told_to_it_too() -> None:
    made = plan(
        "duration: 4 h\nconditions: {head_height: [-30 cm, 30 cm]}", "idle", "{unintended_rate: ±0.1 U/h}"
    ).tests
    assert [test.settings.head_height for test in made[1:]] == [Quantity(-30.0, "cm"), Quantity(30.0, "cm")]
    assert all(test.on_the_bench for test in made[1:])


def test_a_temperature_of_the_test_is_what_its_air_is_held_against() -> None:
    made = plan("rate: 1 U/h\nduration: 4 h\nconditions: {temperature: [5 °C, 37 °C]}")
    assert made.under(made.tests[0]).conditions.temperature == Tolerance(23.0, 2.0, "°C")
    assert made.under(made.tests[2]).conditions.temperature == Tolerance(37.0, 2.0, "°C")


BASE = "duration: 4 h\n"


@pytest.mark.parametrize(
    ("lines", "line", "said"),
    [
        ("rate: 1 U/h\nconditions: {head_hight: [0 cm]}", 17, "did you mean 'head_height'?"),
        ("rate: 1 U/h\nconditions: {orientation: [flat]}", 17, "unknown condition 'orientation'"),
        ("rate: 1 U/h\nconditions: {by_hand: {head_height: [0 cm]}}", 17, "has a place of its own"),
        ("rate: 1 U/h\nconditions: {by_hand: {}}", 17, "names no condition"),
        ("rate: 1 U/h\nconditions: {}", 17, "found nothing to vary"),
        ("rate: 1 U/h\nconditions: {head_height: []}", 17, "found no values"),
        ("rate: 1 U/h\nconditions: {head_height: 30 cm}", 17, "found no values"),
        ("rate: 1 U/h\nconditions: {head_height: [30]}", 17, "write a length with its unit"),
        ("rate: 1 U/h\nconditions: {head_height: [30 kPa]}", 17, "length"),
        ("rate: 1 U/h\nconditions: {head_height: [30 cm, 30 cm]}", 17, "'30 cm' stands twice"),
        ("rate: 1 U/h\nconditions: {set_lot: ['A,B']}", 17, "short name"),
        ("rate: 1 U/h\nconditions: {rate: [1 U/h]}", 17, "stands in the test itself, too"),
        ("conditions:\n  rate:\n    - 1 U/h\n    - 0.1 U", 19, "rate"),
        ("conditions: {rate: [1 U/h, 1.0 U/h]}", 16, "two spellings"),
        ("conditions: {head_height: [1 cm]}", 11, "key 'rate' is missing"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(lines: str, line: int, said: str) -> None:
    told = refusal(BASE + lines)
    assert said in told
    assert f"p.yaml:{line}:" in told


def test_more_than_200_combinations_are_refused_with_the_count() -> None:
    rates = ", ".join(f"{each / 10} U/h" for each in range(1, 21))
    heights = ", ".join(f"{each} cm" for each in range(11))
    told = refusal(f"{BASE}conditions: {{rate: [{rates}], head_height: [{heights}]}}")
    assert "20 × 11 = 220 tests; no more than 200" in told


def test_what_all_combinations_have_wrong_is_said_once() -> None:
    told = refusal("duration: 4 hours\nconditions: {rate: [1 U/h, 2 U/h], head_height: [0 cm, 1 cm]}")
    assert told.count("p.yaml:15:") == 1


@pytest.mark.parametrize(
    ("lines", "valid"),
    [
        ("duration: 4 h\nconditions: {rate: [1 U/h], head_height: [0 cm], by_hand: {orientation: [flat]}}", True),
        ("duration: 4 h\nconditions: {head_height: [0 cm]}", False),
        ("rate: 1 U/h\nduration: 4 h\nconditions: {head_hight: [0 cm]}", False),
        ("rate: 1 U/h\nduration: 4 h\nconditions: {head_height: []}", False),
        ("rate: 1 U/h\nduration: 4 h\nconditions: {}", False),
    ],
)
def test_an_editor_is_told_the_same(lines: str, valid: bool) -> None:
    validator = Draft202012Validator(plan_schema(registry()))
    data = json.loads(json.dumps(load(text(lines)).data))
    assert (not list(validator.iter_errors(data))) is valid
