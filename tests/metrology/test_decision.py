"""Verdicts by hand for every rule and kind of value, and properties that hold for all values."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.metrology.decision import judge, resolvable
from bench.quantities import Concentration, parse_limit
from bench.results.model import Measurement, Verdict

U100 = Concentration(100.0)


def value(
    number: float | None,
    uncertainty: float | None = 1.0,
    unit: str = "%",
    censored: Literal["above", "below"] | None = None,
) -> Measurement:
    return Measurement(
        name="m",
        title="mean error",
        value=number,
        unit=unit,
        expanded_uncertainty=uncertainty,
        censored=censored,
        note="the balance was silent" if number is None else "",
    )


@pytest.mark.parametrize(
    ("number", "simple", "guarded"),
    [
        (0.0, "pass", "pass"),
        (4.0, "pass", "pass"),
        (4.1, "pass", "inconclusive"),
        (5.0, "pass", "inconclusive"),
        (5.9, "fail", "inconclusive"),
        (6.1, "fail", "fail"),
        (-4.1, "pass", "inconclusive"),
        (-6.1, "fail", "fail"),
    ],
)
def test_two_sided(number: float, simple: str, guarded: str) -> None:
    limit = parse_limit("±5 %", "ratio")
    assert judge(value(number), limit, "simple").verdict == simple
    assert judge(value(number), limit, "guarded").verdict == guarded


@pytest.mark.parametrize(
    ("text", "number", "verdict"),
    [("< 1", 1.0, "fail"), ("<= 1", 1.0, "pass"), ("> 1", 1.0, "fail"), (">= 1", 1.0, "pass"), ("< 1", 0.0, "pass")],
)
def test_whether_the_limit_itself_is_allowed(text: str, number: float, verdict: str) -> None:
    assert judge(value(number, 0.0, ""), parse_limit(text, "count"), "guarded").verdict == verdict


@pytest.mark.parametrize(
    ("text", "number", "censored", "verdict"),
    [
        ("<= 3 h", 4.0, "above", "fail"),
        ("<= 3 h", 2.0, "above", "inconclusive"),
        (">= 3 h", 4.5, "above", "pass"),
        (">= 3 h", 2.0, "above", "inconclusive"),
        ("<= 3 h", 1.5, "below", "pass"),
        (">= 3 h", 1.5, "below", "fail"),
        ("1 h to 3 h", 2.0, "above", "inconclusive"),
    ],
)
def test_censored(text: str, number: float, censored: Literal["above", "below"], verdict: str) -> None:
    judged = judge(value(number, 0.1, "h", censored), parse_limit(text, "duration"), "guarded")
    assert judged.verdict == verdict
    if verdict == "inconclusive":
        assert "does not decide" in judged.reason


def test_units_convert_by_the_concentration() -> None:
    judged = judge(value(10.0, 0.1, "µL"), parse_limit("0.9 U to 1.1 U", "volume"), "guarded", U100)
    assert judged.lower == pytest.approx(9.0)
    assert judged.upper == pytest.approx(11.0)
    assert judged.unit == "µL"
    assert judged.verdict == Verdict.PASS


def test_undetermined_is_inconclusive_and_says_why() -> None:
    limit = parse_limit("±5 %", "ratio")
    assert judge(value(None, None), limit, "simple").verdict == Verdict.INCONCLUSIVE
    assert "the balance was silent" in judge(value(None, None), limit, "simple").reason
    assert judge(value(1.0, None), limit, "simple").verdict == Verdict.INCONCLUSIVE


finite = st.floats(-100, 100)


@given(finite, st.floats(0, 20), st.floats(0, 20))
def test_less_uncertainty_never_undoes_a_decision(number: float, small: float, large: float) -> None:
    limit = parse_limit("-4 % to +7 %", "ratio")
    small, large = sorted((small, large))
    first = judge(value(number, large), limit, "guarded").verdict
    if first != Verdict.INCONCLUSIVE:
        assert judge(value(number, small), limit, "guarded").verdict == first


@given(finite, st.floats(0, 20))
def test_guarded_never_contradicts_simple(number: float, uncertainty: float) -> None:
    limit = parse_limit("±5 %", "ratio")
    guarded = judge(value(number, uncertainty), limit, "guarded").verdict
    assert guarded in (Verdict.INCONCLUSIVE, judge(value(number, uncertainty), limit, "simple").verdict)


@pytest.mark.parametrize(
    ("text", "uncertainty", "natural", "fine"),
    [
        ("±5 %", 4.9, (None, None), True),
        ("±5 %", 5.1, (None, None), False),
        ("-4 % to +10 %", 7.1, (None, None), False),
        (">= 95 %", 6.0, (0.0, 100.0), False),
        (">= 95 %", 4.0, (0.0, 100.0), True),
        ("<= 5 %", 60.0, (None, None), True),
        ("<= 5 %", 6.0, (0.0, None), False),
    ],
)
def test_resolvable(text: str, uncertainty: float, natural: tuple[float | None, float | None], fine: bool) -> None:
    why = resolvable(parse_limit(text, "ratio"), uncertainty, "%", "one 0.05 U pulse = 0.499 mg", natural=natural)
    assert (why is None) == fine
    if why is not None:
        assert why.startswith("one 0.05 U pulse = 0.499 mg; U = ")
        assert "what would do: U of at most" in why


def test_a_sentence_names_value_uncertainty_factor_and_limit() -> None:
    limit = parse_limit("<= 12 %", "ratio")
    assert (
        judge(value(14.123, 1.3), limit, "guarded").reason
        == "mean error 14.1 % ± 1.3 % (k = 2) breaks the limit ≤ 12 %"
    )
    assert judge(value(12.5, 1.3), limit, "guarded").reason.endswith(
        "± 1.3 % (k = 2) may lie on either side of the limit ≤ 12 %"
    )
    assert (
        judge(value(3.0, 0.0, ""), parse_limit("<= 2", "count"), "guarded").reason
        == "mean error 3 breaks the limit ≤ 2"
    )
