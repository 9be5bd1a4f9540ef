"""Plans: what is read from them, and every refusal with its place, what was found and what is allowed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, model_validator

from bench.plan.decision import Decision
from bench.plan.load import load_plan
from bench.plan.model import PlanError
from bench.procedures import registry
from bench.quantities import Concentration, Duration, Limit, Quantity, Rate, Tolerance, Volume

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted((ROOT / "test_plans").glob("*.yaml"))


@dataclass(frozen=True)
class Spec:
    title: str
    dimension: str
    unit: str


class FlowSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    rate: Rate
    duration: Duration = Quantity(1, "h")


class ShotSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    volume: Volume
    count: int = 25
    settle: Duration = Quantity(60, "s")
    interval: Duration = Quantity(90, "s")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.settle.to("s") >= self.interval.to("s"):
            raise ValueError(f"`settle` must be shorter than `interval`, not {self.settle}")
        return self


@dataclass(frozen=True)
class Kind:
    summary: str
    Settings: type[BaseModel]
    measurements: dict[str, Spec] = field(default_factory=dict)


KINDS = {
    "flow": Kind(
        "steady flow",
        FlowSettings,
        {"mean_error": Spec("mean error", "ratio", "%"), "first_hour": Spec("volume of the first hour", "volume", "U")},
    ),
    "shot": Kind(
        "single shots",
        ShotSettings,
        {
            "mean_error": Spec("mean error", "ratio", "%"),
            "delivery_time": Spec("delivery time", "duration", "s"),
            "stuck": Spec("shots that stuck", "count", ""),
        },
    ),
}
HEAD = "plan: TP-1\ntitle: A plan\npump: {insulin: U-100}\n"
FLOW = "  - {id: F1, procedure: flow, rate: 1 U/h, accept: {mean_error: ±5 %}}\n"


def refusal(text: str) -> str:
    with pytest.raises(PlanError) as caught:
        load_plan(text, KINDS, name="p.yaml")
    return str(caught.value)


def test_a_plan_is_read_with_its_units() -> None:
    plan = load_plan(
        """\
$schema: ../docs/plan.schema.json
plan: TP-BASAL-U200
title: Basal delivery, U-200 pump
pump: {insulin: U-200, basal_increment: 0.05 U, bolus_increment: 0.1 U, delivery: continuous}
conditions: {liquid: water, temperature: 23 °C ± 2 °C}
decision: simple
tests:
  - id: FLOW-1U
    title: One unit an hour
    procedure: flow
    rate: 1 U/h
    duration: 24 h
    verifies: [REQ-017, REQ-018]
    accept:
      mean_error: ±5 %
      first_hour: 0.9 U to 1.1 U
  - id: SHOT
    procedure: shot
    volume: 10 µL
    accept: {delivery_time: <= 45 s, stuck: <= 0}
""",
        KINDS,
        name="plans/basal.yaml",
    )
    assert (plan.plan, plan.title, plan.file) == ("TP-BASAL-U200", "Basal delivery, U-200 pump", "plans/basal.yaml")
    assert plan.decision == Decision.SIMPLE
    assert plan.pump.insulin == Concentration(200.0)
    assert (plan.pump.basal_increment, plan.pump.bolus_increment) == (Quantity(0.05, "U"), Quantity(0.1, "U"))
    assert plan.pump.delivery == "continuous"
    assert plan.conditions.temperature == Tolerance(23.0, 2.0, "°C")
    first, second = plan.tests
    assert (first.id, first.title, first.procedure) == ("FLOW-1U", "One unit an hour", "flow")
    assert first.verifies == ("REQ-017", "REQ-018")
    assert first.settings == FlowSettings(rate=Quantity(1, "U/h"), duration=Quantity(24, "h"))
    assert type(first.settings) is FlowSettings
    assert first.accept == {
        "mean_error": Limit(-5.0, 5.0, "%", "±5 %"),
        "first_hour": Limit(0.9, 1.1, "U", "0.9 U to 1.1 U"),
    }
    assert (first.line, second.line) == (8, 17)
    assert (second.title, second.verifies) == ("SHOT", ())
    assert second.settings.model_dump(mode="json") == {
        "volume": "10 µL",
        "count": 25,
        "settle": "60 s",
        "interval": "90 s",
    }
    assert second.accept == {"delivery_time": Limit(None, 45.0, "s", "<= 45 s"), "stuck": Limit(None, 0.0, "", "<= 0")}


def test_what_a_plan_leaves_out_is_the_strict_choice() -> None:
    plan = load_plan(HEAD + "tests:\n" + FLOW, KINDS)
    assert plan.decision == Decision.GUARDED
    assert plan.conditions.liquid == "water"
    assert plan.conditions.temperature is None
    assert plan.pump.delivery == "pulsed"


@pytest.mark.parametrize(
    ("written", "decision", "told"),
    [
        ("simple", Decision.SIMPLE, "simple"),
        ("guarded", Decision.GUARDED, "guarded"),
        ("{rule: guarded}", Decision.GUARDED, "guarded"),
        ("{rule: guarded, r: 0.83}", Decision("guarded", r=0.83), "guarded, r = 0.83"),
        ("{r: 1}", Decision.GUARDED, "guarded"),
        ("{rule: simple}", Decision.SIMPLE, "simple"),
        ("{risk: 2 %}", Decision("risk", 0.0, 0.02), "risk 2 % (specific)"),
        ("{rule: risk, risk: 500 ppm, kind: specific}", Decision("risk", 0.0, 0.0005), "risk 0.05 % (specific)"),
        ("{risk: 2 %, kind: global}", Decision("risk", 0.0, 0.02, "global"), "risk 2 % (global)"),
        (
            "{risk: 1 %, kind: global, in_tolerance: 95 %}",
            Decision("risk", 0.0, 0.01, "global", 0.95),
            "risk 1 % (global, 95 % of pumps in tolerance)",
        ),
    ],
)
def test_decision_rules(written: str, decision: Decision, told: str) -> None:
    plan = load_plan(HEAD + f"decision: {written}\ntests:\n" + FLOW, KINDS)
    assert plan.decision == decision
    assert str(plan.decision) == told


def test_the_text_of_a_plan_gives_the_same_plan_again(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(HEAD + "tests:\n" + FLOW, encoding="utf-8")
    plan = load_plan(path, KINDS)
    assert plan.file == str(path)
    assert load_plan(plan.text, KINDS, name=plan.file) == plan


def one(test: str) -> str:
    """Return a plan of one test; without a bar in it the fault is the test as a whole."""
    return f"{HEAD}tests:\n  - {'' if '|' in test else '|'}{{id: A, {test}}}\n"


# The bar stands where the fault is: the message must name that line and column.
REFUSED = [
    ("|", "the file is empty"),
    ("|hello", "found 'hello'; a mapping of keys is meant here"),
    ("|" + HEAD, "key 'tests' is missing"),
    (HEAD + "tests: |[]", "tests: found nothing; at least one entry is meant here"),
    (HEAD + "tests: |{}", "tests: found a mapping of keys; must be a valid array"),
    (HEAD + "tests:\n  - |just text\n", "tests[0]: found 'just text'; a mapping of keys is meant here"),
    (HEAD + "tests: [|>= 5 %]\n", 'a value that begins with one of > | % @ ` & * ! needs quotes, such as ">= 95 %"'),
    (HEAD + "|test:\n" + FLOW, "unknown key 'test'; did you mean 'tests'? (allowed: $schema, conditions, "),
    ("plan: |TP 1\n", "plan: found 'TP 1'; a name is made of letters, digits, '.', '_' and '-', 64 at most"),
    ("plan: |5\n", "plan: found 5; text is meant here: quote it"),
    ("title: |''\n", "title: must be one line of 1 to 200 printable characters"),
    ('title: |"a\\nb"\n', "title: must be one line"),
    ("pump: {insulin: |U-300}\n", "pump.insulin: 'U-300' is no insulin concentration; allowed: U-100, U-200, U-500"),
    ("pump: {insulin: |100}\n", "pump.insulin: '100' is no insulin concentration; allowed: U-100, U-200, U-500"),
    ("pump: {|insuline: U-100}\n", "unknown key 'insuline'; did you mean 'insulin'?"),
    ("pump: {basal_increment: |0 U}\n", "pump.basal_increment: must be more than nothing, not 0 U"),
    ("pump: {delivery: |pulsd}\n", "pump.delivery: found 'pulsd'; did you mean 'pulsed'? must be 'pulsed' or"),
    ("decision: |gaurded\n", "decision: found 'gaurded'; did you mean 'guarded'? must be 'simple' or 'guarded'"),
    ("decision: |[guarded]\n", "decision: found a list; must be 'simple' or 'guarded'"),
    ("decision: {|rr: 1}\n", "unknown key 'rr'; did you mean 'r'? (allowed: in_tolerance, kind, r, risk, rule)"),
    ("decision: {rule: |riks}\n", "decision.rule: found 'riks'; did you mean 'risk'? must be"),
    ("decision: {r: |0}\n", "decision.r: found 0; must be greater than 0"),
    ("decision: {risk: |0.02}\n", "decision.risk: '0.02' has no unit"),
    ("decision: |{risk: 60 %}\n", "a risk lies above 0 % and below 50 %, not at 60 %"),
    ("decision: |{rule: risk}\n", "how much risk? write `risk: 2 %`"),
    ("decision: |{r: 1, risk: 2 %}\n", "`r` belongs to the rule `guarded`, not to `risk`: leave one of them out"),
    ("decision: |{rule: guarded, risk: 2 %}\n", "`risk` belongs to the rule `risk`, not to `guarded`"),
    ("decision: |{rule: simple, r: 1}\n", "`r` belongs to the rule `guarded`, not to `simple`"),
    ("decision: |{kind: global}\n", "`kind` and `in_tolerance` belong to a risk: write `risk: 2 %` beside them"),
    ("decision: |{risk: 2 %, in_tolerance: 95 %}\n", "`in_tolerance` belongs to a global risk: write `kind: global`"),
    ("decision: |{risk: 2 %, kind: global, in_tolerance: 100 %}\n", "just below 100 %, not at 100 %"),
    ("conditions: {liquid: |insulin}\n", "conditions.liquid: found 'insulin'; must be 'water' or 'saline', or"),
    ("conditions: {liquid: |[water]}\n", "conditions.liquid: found a list; a mapping of keys is meant here"),
    ("conditions: {|liquid: {name: x, density: 1 g/mL ± 0.1 g/mL}}\n", "conditions.liquid: key 'at' is missing"),
    ("conditions: {liquid: {name: x, density: |1 g/mL, at: 22 °C}}\n", "'1 g/mL' is no density with its half width"),
    ("conditions: {liquid: |{name: x, density: 13.6 g/mL ± 0.1 g/mL, at: 22 °C}}\n", "is that of no liquid for a pump"),
    ("conditions: {liquid: |{name: x, density: 1 g/mL ± 0.1 g/mL, at: 80 °C}}\n", "must be from 0 °C to 40 °C, not 80"),
    ("corrections: {|evaporations: false}\n", "unknown key 'evaporations'; did you mean 'evaporation'?"),
    ("corrections: {evaporation: |off}\n", "'off' is a boolean to some YAML readers"),
    ("conditions: {temperature: |23 °C}\n", "'23 °C' is no temperature with its half width; write it as '23 °C ±"),
    (one("rate: 1 U/h"), "tests[0]: key 'procedure' is missing"),
    (one("procedure: |flw"), "tests[0].procedure: found 'flw'; did you mean 'flow'? (allowed: flow, shot)"),
    (one("procedure: flow"), "tests[0]: key 'rate' is missing"),
    (one("procedure: flow, rate: 1 U/h"), "tests[0]: key 'accept' is missing"),
    (one("procedure: flow, accept: |{}"), "tests[0].accept: names no measurement: nothing would be judged"),
    (one("procedure: flow, accept: |±5 %"), "tests[0].accept: found '±5 %'; a mapping of keys is meant here"),
    (one("procedure: flow, accept: {mean_error: |}"), "found nothing; write a value, or leave the key out"),
    (one("procedure: flow, |duraton: 2 h"), "unknown key 'duraton'; did you mean 'duration'? (allowed: accept, "),
    (one("procedure: flow, accept: {|meen_error: ±5 %}"),
     "unknown key 'meen_error'; did you mean 'mean_error'? (allowed: first_hour, mean_error)"),
    (one("procedure: flow, accept: {|stuck: <= 0}"), "unknown key 'stuck' (allowed: first_hour, mean_error)"),
    (one("procedure: flow, rate: |1"), "tests[0].rate: '1' has no unit; allowed: a number and one of µL/h"),
    (one("procedure: flow, rate: |'1,5 U/h'"), "rate: '1,5 U/h' has a decimal comma; write a point ('1.5 U/h')"),
    (one("procedure: flow, rate: |1 U"), "rate: '1 U' is a volume where a rate is meant; allowed: a number and one of"),
    (one("procedure: flow, rate: |1 U/hr"), "tests[0].rate: '1 U/hr': unknown unit 'U/hr'; did you mean 'U/h'?"),
    (one("procedure: flow, duration: |24:00"), "tests[0].duration: '24:00' looks like a time or a number to base 60"),
    (one("procedure: flow, accept: {first_hour: |±5 %}"),
     "tests[0].accept.first_hour: '5 %' is a ratio where a volume is meant; allowed: a number and one of µL"),
    (one("procedure: flow, accept: {mean_error: |5 %}"),
     "tests[0].accept.mean_error: '5 %' does not say on which side the limit is; write it as '±5 %'"),
    (one("procedure: flow, accept: {mean_error: |5}"), "tests[0].accept.mean_error: '5' has no unit"),
    (one("procedure: shot, count: |'3'"), "tests[0].count: found '3'; must be a valid integer"),
    (one("procedure: shot, volume: 1 U, settle: 2 min, accept: {stuck: <= 0}"),
     "tests[0]: `settle` must be shorter than `interval`, not 2 min"),
    (one("procedure: flow, verifies: |REQ-1"), "tests[0].verifies: found 'REQ-1'; must be a valid array"),
    (one("procedure: flow, verifies: [|REQ 1]"), "tests[0].verifies[0]: found 'REQ 1'; a name is made of"),
    (HEAD + "tests:\n  - {procedure: flow, id: |A B}", "tests[0].id: found 'A B'; a name is made of letters, digits"),
    (HEAD + "tests:\n  - {procedure: flow, id: |'<img src=x>'}", "tests[0].id: found '<img src=x>'; a name is made of"),
    (HEAD + "tests:\n  - {procedure: flow, id: |-A}", "a letter or digit first"),
    (HEAD + "tests:\n  - {procedure: flow, id: |" + "A" * 65 + "}", "64 at most"),
    (HEAD + "tests:\n  - {procedure: flow, id: |5}", "tests[0].id: found 5; text is meant here: quote it"),
    (HEAD + "tests:\n" + FLOW + FLOW.replace("id: ", "id: |"),
     "tests[1].id: a second test 'F1' (the first is in line 5); ids are unique in a plan"),
]  # fmt: skip


@pytest.mark.parametrize(("marked", "message"), REFUSED, ids=[message[:60] for _, message in REFUSED])
def test_what_is_no_plan_is_refused_with_its_place_and_the_way_out(marked: str, message: str) -> None:
    before = marked.partition("|")[0].splitlines(keepends=True) or [""]
    if before[-1].endswith("\n"):
        before.append("")
    found = [line for line in refusal(marked.replace("|", "", 1)).splitlines() if message in line]
    assert found
    assert found[0].startswith(f"p.yaml:{len(before)}:{len(before[-1]) + 1}: ")


def test_all_errors_come_at_once_each_with_its_line() -> None:
    message = refusal(
        HEAD.replace("U-100", "U-300")
        + "tests:\n"
        + "  - {id: A, procedure: flow, rate: 1, accept: {mean_error: ±5 %}}\n"
        + "  - {id: A, procedure: shot, volume: 1 U, acept: {stuck: <= 0}}\n"
        + "  - {id: B, procedure: flw}\n"
    )
    assert re.findall(r"^p\.yaml:(\d+):\d+: ", message, re.MULTILINE) == ["3", "5", "6", "6", "6", "7"]
    shown = "      - {id: A, procedure: flow, rate: 1, accept: {mean_error: ±5 %}}\n"
    assert shown + " " * shown.index("1,") + "^\n" in message


def test_a_procedure_may_not_use_the_keys_that_every_test_has() -> None:
    class Greedy(BaseModel):
        title: str

    with pytest.raises(TypeError, match="procedure 'greedy' has settings that every test has already: title"):
        load_plan(HEAD, {"greedy": Kind("", Greedy)})


def test_one_procedure_is_enough() -> None:
    only = {"flow": KINDS["flow"]}
    assert load_plan(HEAD + "tests:\n" + FLOW, only).tests[0].procedure == "flow"
    with pytest.raises(PlanError, match=r"tests\[0\]\.procedure: found 'shot'; must be 'flow'"):
        load_plan(HEAD + "tests:\n" + FLOW.replace("flow", "shot"), only)


FRAGMENTS = st.lists(
    st.sampled_from(
        [
            *"\n:-{}[],' #&*",
            "  ",
            "plan",
            "tests",
            "id",
            "procedure",
            "flow",
            "rate",
            "accept",
            "1 U/h",
            "±5 %",
            ": ",
            "\n  - ",
        ]
    ),
    max_size=25,
).map("".join)


@given(FRAGMENTS, st.booleans())
def test_no_text_raises_anything_but_its_own_error(text: str, headed: bool) -> None:
    try:
        load_plan(HEAD + "tests:\n" + text if headed else text, KINDS)
    except PlanError as error:
        assert re.match(r"<text>:\d+:\d+: ", str(error))  # noqa: PT017 - some texts are plans


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_the_shipped_plans_are_read(path: Path) -> None:
    plan = load_plan(path, registry())
    assert plan.tests
    for test in plan.tests:
        assert path.read_text(encoding="utf-8").splitlines()[test.line - 1].strip() == f"- id: {test.entry}"
