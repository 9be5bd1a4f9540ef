"""A test with `conditions:` becomes one test for each combination of their values."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.plan.conditions import (
    BENCH_CONDITIONS,
    BY_HAND,
    KEY,
    MOST_COMBINATIONS,
    Condition,
    bench_condition,
    hand_condition,
    hardest_first,
    setting_condition,
)
from bench.strict_yaml import Document, Problem, did_you_mean
from bench.strict_yaml.document import Path_, path_text

Mark = tuple[tuple[int, int], tuple[int, int]]
Source = tuple[str, ...]
"""Where below `conditions:` the values of a condition stand."""


@dataclass(frozen=True, slots=True)
class Combination:
    """Where one expanded test comes from, and what it is run under.

    `chosen` tells for each condition, in the plan's order, which of its values it is, from 0. `fixed` are those that
    somebody sets on the bench; `settings` are those that the procedure is told, which may be both.
    """

    entry: int
    chosen: Mapping[Source, int] = field(default_factory=dict)
    fixed: Mapping[str, Condition] = field(default_factory=dict)
    settings: tuple[str, ...] = ()

    def conditions(self, settings: Any) -> tuple[Condition, ...]:
        """Return the conditions in the plan's order, those of settings as the procedure has read them."""
        return tuple(
            self.fixed[source[-1]]
            if source[-1] in self.fixed
            else setting_condition(source[-1], getattr(settings, source[-1]), place + 1)
            for source, place in self.chosen.items()
        )


@dataclass(slots=True)
class Expanded(Document):
    """A plan's data with each combination as a test of its own; problems are told where they stand in the file."""

    original: Document | None = None
    combinations: list[Combination] = field(default_factory=list)

    def problem(self, path: Path_, text: str, *, at_key: bool = False, shown: str | None = None) -> Problem:
        """Return a problem at the place of `path` in the file."""
        assert self.original is not None  # noqa: S101 - `expand` gives it
        return self.original.problem(self.in_file(path), text, at_key=at_key, shown=shown)

    def in_file(self, path: Path_) -> Path_:
        """Return the path in the file of a path in the expanded data."""
        if len(path) < 2 or path[0] != "tests" or not isinstance(path[1], int) or path[1] >= len(self.combinations):
            return path
        combination = self.combinations[path[1]]
        rest = path[2:]
        if rest and rest[0] in combination.settings:
            return ("tests", combination.entry, KEY, rest[0], combination.chosen[str(rest[0]),], *rest[1:])
        return ("tests", combination.entry, *rest)


def expand(document: Document, settings_of: Mapping[str, tuple[str, ...]]) -> tuple[Expanded, list[Problem]]:
    """Return a plan's document with every combination as a test of its own, and what is wrong with `conditions:`.

    Args:
        document: the plan as it was read.
        settings_of: names of the settings of each procedure.

    """
    problems: list[Problem] = []
    combinations: list[Combination] = []
    expanded = Expanded(document.data, document.file, document.text, original=document, combinations=combinations)
    expanded.marks, expanded.ends = document.marks, document.ends
    tests = document.data.get("tests") if isinstance(document.data, dict) else None
    if not isinstance(tests, list) or not any(isinstance(test, dict) and KEY in test for test in tests):
        combinations += [Combination(index) for index in range(len(tests) if isinstance(tests, list) else 0)]
        return expanded, problems
    listed = []
    for index, test in enumerate(tests):
        made = [Combination(index)]
        if isinstance(test, dict) and KEY in test and test.get("procedure") in settings_of:
            reading = _Reading(document, index, test, settings_of[test["procedure"]])
            made = reading.combinations()
            problems += reading.problems
        combinations += made
        listed += [_with(test, each) for each in made]
    expanded.data = {**document.data, "tests": listed}
    expanded.marks = dict(_marks(document, combinations))
    return expanded, problems


class _Reading:
    """One entry of the plan whose `conditions:` are read."""

    def __init__(self, document: Document, index: int, test: dict[str, Any], settings: tuple[str, ...]) -> None:
        self.problems: list[Problem] = []
        self._document = document
        self._index = index
        self._test = test
        self._settings = settings
        self._fixed: dict[str, list[Condition]] = {}

    def combinations(self) -> list[Combination]:
        """Return every combination, those that are hardest to change apart; none where anything is wrong."""
        values = dict(self._values())
        names = {source[-1]: source for source in values}
        count = math.prod(len(each) for each in values.values())
        if count > MOST_COMBINATIONS:
            sizes = " × ".join(str(len(each)) for each in values.values())
            self._refuse((), f"makes {sizes} = {count} tests; no more than {MOST_COMBINATIONS} are run from one entry")
        if self.problems:
            return []
        order = list(hardest_first(names, self._settings))
        places = itertools.product(*(range(len(values[names[name]])) for name in order))
        return [self._combination(values, dict(zip(order, chosen, strict=True))) for chosen in places]

    def _combination(self, values: Mapping[Source, list[Any]], chosen: Mapping[str, int]) -> Combination:
        fixed = {name: each[chosen[name]] for name, each in self._fixed.items()}
        told = tuple(name for name in chosen if name in self._settings)
        return Combination(self._index, {source: chosen[source[-1]] for source in values}, fixed, told)

    def _values(self) -> Iterator[tuple[Source, list[Any]]]:
        conditions = self._test[KEY]
        if not isinstance(conditions, dict) or not conditions:
            self._refuse((), "found nothing to vary; write names with lists: {rate: [0.1 U/h, 1 U/h]}")
            return
        for name, listed in conditions.items():
            if name == BY_HAND:
                if not isinstance(listed, dict) or not listed:
                    self._refuse((name,), "names no condition; write names with lists: {orientation: [upright, flat]}")
                    continue
                for free, values in listed.items():
                    yield from self._listed((name, free), values)
            else:
                yield from self._listed((name,), listed)

    def _listed(self, source: Source, values: Any) -> Iterator[tuple[Source, list[Any]]]:
        name = source[-1]
        known = name in self._settings or name in BENCH_CONDITIONS
        if len(source) > 1 and known:
            self._refuse(
                source, f"{name!r} has a place of its own: write it beside `{BY_HAND}`, not in it", at_key=True
            )
        elif len(source) == 1 and not known:
            self._unknown(source)
        elif not isinstance(values, list) or not values:
            self._refuse(source, "found no values; write a list of them, such as [30 cm, 0 cm]")
        elif len(source) == 1 and name in self._test:
            self._refuse(source, f"{name!r} stands in the test itself, too; keep one of the two", at_key=True)
        else:
            self._read(source, values)
            yield source, values

    def _read(self, source: Source, values: list[Any]) -> None:
        """Read the values, and refuse what stands there twice; those of a setting its procedure reads again."""
        name = source[-1]
        first: dict[str, int] = {}
        for place, value in enumerate(values):
            try:
                read = bench_condition if name in BENCH_CONDITIONS else hand_condition
                condition = read(name, value, place + 1)
            except ValueError as error:
                self._refuse((*source, place), str(error))
                continue
            if condition.text in first:
                self._refuse((*source, place), f"{condition.text!r} stands twice; every value is run once")
            first.setdefault(condition.text, place)
            if name in BENCH_CONDITIONS or name not in self._settings:
                self._fixed.setdefault(name, []).append(condition)

    def _unknown(self, source: Source) -> None:
        name, known = source[-1], [*BENCH_CONDITIONS, *self._settings]
        self._refuse(
            source,
            f"unknown condition {name!r}{did_you_mean(name, known)} (of the bench: {', '.join(BENCH_CONDITIONS)};"
            f" settings of {self._test['procedure']}: {', '.join(self._settings)}; anything else that an operator sets"
            f" stands below `{BY_HAND}:`)",
            at_key=True,
        )

    def _refuse(self, source: tuple[str | int, ...], text: str, *, at_key: bool = False) -> None:
        path = ("tests", self._index, KEY, *source)
        self.problems.append(self._document.problem(path, text, at_key=at_key, shown=path_text(path)))


def _with(test: Any, combination: Combination) -> Any:
    """Return a test's raw entry with one combination's values in the place of `conditions:`."""
    if not combination.chosen:
        return test
    chosen = {name: test[KEY][name][combination.chosen[name,]] for name in combination.settings}
    return {key: value for key, value in test.items() if key != KEY} | chosen


def _marks(document: Document, combinations: list[Combination]) -> Iterator[tuple[Path_, Mark]]:
    """Yield where each part of the expanded data stands in the file."""
    below: dict[int, list[tuple[Path_, Mark]]] = {}
    for path, mark in document.marks.items():
        if len(path) > 1 and path[0] == "tests" and isinstance(path[1], int):
            below.setdefault(path[1], []).append((path[2:], mark))
        else:
            yield path, mark
    for index, combination in enumerate(combinations):
        for rest, mark in below.get(combination.entry, []):
            yield ("tests", index, *rest), mark
        for name in combination.settings:
            at = ("tests", combination.entry, KEY, name, combination.chosen[name,])
            yield ("tests", index, name), document.marks[at]
