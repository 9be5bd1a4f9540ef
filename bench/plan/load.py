"""Reading plans: the procedures that exist decide which keys a test may have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Protocol, Union

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, create_model

from bench.plan.conditions import KEY, Condition
from bench.plan.decision import DecisionField, decision_of
from bench.plan.expansion import Expanded, expand
from bench.plan.model import Conditions, Corrections, Plan, PlanError, PlanTest, PumpSpec
from bench.plan.names import Line, Slug
from bench.quantities import LimitOf
from bench.strict_yaml import Document, Problem, YamlError, load, validate


class PlanProcedure(Protocol):
    """What a plan needs to know of a procedure."""

    @property
    def summary(self) -> str:
        """One line of what the procedure tests."""

    @property
    def Settings(self) -> type[BaseModel]:  # noqa: N802 - a class
        """The keys of a test of this kind."""

    @property
    def measurements(self) -> Mapping[str, Any]:
        """The keys of its `accept:`."""


class _Accept(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Test(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Slug
    title: Line | None = Field(default=None, description="for people; the id where it is missing")
    verifies: list[Slug] = Field(default=[], description="ids of the requirements that this test verifies")


def load_plan(
    source: Path | str,
    procedures: Mapping[str, PlanProcedure],
    *,
    name: str | None = None,
    without_limits: bool = False,
) -> Plan:
    """Read a plan from a file (a path) or from text; a test with `conditions:` becomes one for each combination.

    Args:
        source: the file, or the text itself.
        procedures: the procedures that exist, by name.
        name: what to call the plan's file where `source` is text.
        without_limits: whether a test may have none, as that of an imported recording may; nothing is judged then.

    Raises:
        PlanError: everything that is wrong with it, at once.

    """
    try:
        document = load(source, name=name)
    except YamlError as error:
        raise PlanError(error.problems) from None
    problems = [*_twins(document), *(() if without_limits else _nothing_to_judge(document))]
    settings_of = {kind: tuple(procedure.Settings.model_fields) for kind, procedure in procedures.items()}
    expanded, wrong_conditions = expand(document, settings_of)
    if wrong_conditions:
        raise PlanError([*problems, *wrong_conditions])
    try:
        read: Any = validate(expanded, plan_model(procedures))
    except YamlError as error:
        raise PlanError([*problems, *_once(error.problems)]) from None
    if problems:
        raise PlanError(problems)
    tests = tuple(_test(expanded, index, test, procedures) for index, test in enumerate(read.tests))
    problems = [*_alike(expanded, tests), *_once(_refusals(expanded, tests, read.pump, procedures))]
    if problems:
        raise PlanError(problems)
    return Plan(
        plan=read.plan,
        title=read.title,
        pump=read.pump,
        conditions=read.conditions,
        decision=decision_of(read.decision),
        tests=tests,
        file=document.file,
        text=document.text,
        corrections=read.corrections,
    )


def plan_model(procedures: Mapping[str, PlanProcedure]) -> type[BaseModel]:
    """Return the pydantic model of plans for these procedures; its JSON Schema is the plans' schema."""
    key = tuple((name, id(procedure)) for name, procedure in procedures.items())
    if key not in _MODELS:
        while len(_MODELS) >= _MOST_MODELS:
            del _MODELS[next(iter(_MODELS))]
        _MODELS[key] = _Made(tuple(procedures.values()), _plan_model(procedures))
    return _MODELS[key].model


class _Made(NamedTuple):
    procedures: tuple[PlanProcedure, ...]
    """They live as long as their ids are asked for."""
    model: type[BaseModel]


_MODELS: dict[tuple[tuple[str, int], ...], _Made] = {}
"""Kept, since to make a model takes twenty times as long as to read a plan by it; a procedure need not be hashable."""
_MOST_MODELS = 8


def _plan_model(procedures: Mapping[str, PlanProcedure]) -> type[BaseModel]:
    kinds = tuple(_test_model(name, procedure) for name, procedure in procedures.items())
    union: Any = Annotated[Union[kinds], Field(discriminator="procedure")] if len(kinds) > 1 else kinds[0]  # noqa: UP007
    return create_model(
        "Plan",
        __config__=ConfigDict(extra="forbid", frozen=True),
        __doc__="A test plan of the pump bench.",
        schema_=(str | None, Field(default=None, alias="$schema", description="this schema, for editors")),
        plan=(Slug, Field(description="the plan's own id")),
        title=(Line, ...),
        pump=(PumpSpec, ...),
        conditions=(Conditions, Conditions()),
        corrections=(Corrections, Corrections()),
        decision=(DecisionField, "guarded"),
        tests=(list[union], Field(min_length=1)),
    )


def _test_model(name: str, procedure: PlanProcedure) -> type[BaseModel]:
    limits: dict[str, Any] = {
        key: (
            LimitOf(spec.dimension) | None,
            Field(default=None, description=f"{spec.title} ({spec.unit or spec.dimension})"),
        )
        for key, spec in procedure.measurements.items()
    }
    taken = {"procedure", "accept", KEY, *_Test.model_fields} & {*procedure.Settings.model_fields}
    if taken:
        raise TypeError(f"procedure {name!r} has settings that every test has already: {', '.join(sorted(taken))}")
    accept = create_model(f"{name.title()}Accept", __base__=_Accept, **limits)
    return create_model(
        model_name(name),
        __base__=(_Test, procedure.Settings),
        __doc__=procedure.summary,
        procedure=(_the_word(name), ...),
        accept=(accept, Field(description="measurements and their limits; every one must be met")),
        conditions=(_ForEditors, None),
    )


def model_name(procedure: str) -> str:
    """Return the name of the model of a procedure's tests, which its JSON Schema has, too."""
    return f"{procedure.title()}Test"


_ForEditors = Annotated[dict[str, Any] | None, WithJsonSchema({"type": "object"})]
"""Of `conditions:`: an entry that has it is expanded before it is read; `bench.plan.schema` tells editors more."""


def _the_word(name: str) -> Any:
    return Literal[name]


def _test(document: Expanded, index: int, test: Any, procedures: Mapping[str, PlanProcedure]) -> PlanTest:
    model = procedures[test.procedure].Settings
    settings = model.model_construct(**{key: getattr(test, key) for key in model.model_fields})
    conditions = document.combinations[index].conditions(settings)
    accept = {key: limit for key in type(test.accept).model_fields if (limit := getattr(test.accept, key)) is not None}
    return PlanTest(
        id=_id(test.id, conditions),
        title=test.title or test.id,
        procedure=test.procedure,
        verifies=tuple(test.verifies),
        settings=settings,
        accept=accept,
        line=document.marks[("tests", index)][1][0],
        entry=test.id,
        conditions=conditions,
    )


def _id(entry: str, conditions: Sequence[Condition]) -> str:
    """Return the id of one combination: `BASAL-1U[head 30 cm, back 13.33 kPa]`."""
    return f"{entry}[{', '.join(each.label for each in conditions)}]" if conditions else entry


def _alike(document: Expanded, tests: tuple[PlanTest, ...]) -> Iterator[Problem]:
    """Yield combinations that come out the same: one value, written in two ways."""
    seen: set[str] = set()
    for index, test in enumerate(tests):
        if test.id in seen and test.conditions:
            text = f"makes {test.id} twice: a value stands there in two spellings"
            yield document.problem(("tests", index, KEY), text, shown=f"{test.entry}.{KEY}")
        seen.add(test.id)


def _once(problems: Iterable[Problem]) -> list[Problem]:
    """Return problems that many combinations have in common once."""
    return list({(each.line, each.column, each.text): each for each in problems}.values())


def _refusals(
    document: Expanded, tests: tuple[PlanTest, ...], pump: PumpSpec, procedures: Mapping[str, PlanProcedure]
) -> Iterator[Problem]:
    """Yield what a procedure refuses of its settings for the plan's pump; most refuse nothing."""
    for index, test in enumerate(tests):
        refusals = getattr(procedures[test.procedure], "refusals", None)
        for text in refusals(test.settings, pump) if refusals is not None else ():
            yield document.problem(("tests", index), text)


def _listed(document: Document) -> Iterator[tuple[int, dict[str, Any]]]:
    tests = document.data.get("tests") if isinstance(document.data, dict) else None
    for index, test in enumerate(tests if isinstance(tests, list) else []):
        if isinstance(test, dict):
            yield index, test


def _twins(document: Document) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, test in _listed(document):
        name = test.get("id")
        if not isinstance(name, str):
            continue
        if name in first:
            text = f"a second test {name!r} (the first is in line {first[name]}); ids are unique in a plan"
            yield document.problem(("tests", index, "id"), text)
        first.setdefault(name, document.marks["tests", index, "id"][1][0])


def _nothing_to_judge(document: Document) -> Iterator[Problem]:
    for index, test in _listed(document):
        if test.get("accept") == {}:
            yield document.problem(("tests", index, "accept"), "names no measurement: nothing would be judged")
