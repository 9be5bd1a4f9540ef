"""Verdicts by hand for every rule and kind of value, and properties that hold for all values."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.metrology.budget import component, measurement
from bench.metrology.decision import judge, resolvable
from bench.metrology.guard import largest_uncertainty
from bench.plan.decision import Decision
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
        == "mean error 14.1 % ± 1.3 % (k = 2) breaks the limit ≤ 12 % (probability of conformity 0.05 %)"
    )
    assert (
        judge(value(3.0, 0.0, ""), parse_limit("<= 2", "count"), "guarded").reason
        == "mean error 3 breaks the limit ≤ 2"
    )


def test_an_inconclusive_verdict_says_how_far_off_it_is_and_what_would_decide_it() -> None:
    lines = [component("evaporation", 0.6, "%"), component("noise", 0.25, "%")]
    inside = judge(measurement("m", "mean error", 11.5, "%", lines), parse_limit("<= 12 %", "ratio"), "guarded")
    assert inside.verdict == Verdict.INCONCLUSIVE
    assert inside.reason == (
        "mean error 11.5 % ± 1.3 % (k = 2) may lie on either side of the limit ≤ 12 %: it lies 0.5 % inside it, nearer"
        " than the guard band of 1.3 % (w = U); probability of conformity 77.9 %; it would pass with U of at most 0.5 %"
        " instead of 1.3; most of U is: evaporation (85 % of the variance)"
    )
    beyond = judge(value(12.5, 1.3), parse_limit("±12 %", "ratio"), Decision("guarded", r=0.5)).reason
    assert "it lies 0.5 % beyond it, nearer than the guard band of 0.65 % (w = 0.5 U)" in beyond
    assert "it would fail with U of at most 1 % instead of 1.3" in beyond
    coarse = judge(value(0.5, 6.0), parse_limit("±5 %", "ratio"), "guarded").reason
    assert "with this U no value could pass: half the room is 5 %" in coarse
    assert "no uncertainty would decide it" in judge(value(5.0), parse_limit("±5 %", "ratio"), "guarded").reason


@pytest.mark.parametrize(
    ("rule", "number", "verdict"),
    [
        # U = 1, so u = 0.5: against one limit 1.645 u = 0.82 for 5 %, 2.054 u = 1.03 for 2 %.
        (Decision("guarded", r=0.83), 4.16, "pass"),
        (Decision("guarded", r=0.83), 4.18, "inconclusive"),
        (Decision("guarded", r=0.83), 5.82, "inconclusive"),
        (Decision("guarded", r=0.83), 5.84, "fail"),
        (Decision("guarded", r=1.5), 3.6, "inconclusive"),
        (Decision("risk", risk=0.05), 4.17, "pass"),
        (Decision("risk", risk=0.05), 4.19, "inconclusive"),
        (Decision("risk", risk=0.05), 5.81, "inconclusive"),
        (Decision("risk", risk=0.05), 5.83, "fail"),
        (Decision("risk", risk=0.02), 3.96, "pass"),
        (Decision("risk", risk=0.02), 3.98, "inconclusive"),
        # TUR 5: no guard band for 2 % over all pumps, on either side.
        (Decision("risk", risk=0.02, kind="global"), 4.99, "pass"),
        (Decision("risk", risk=0.02, kind="global"), 5.01, "fail"),
    ],
)
def test_rules_with_figures(rule: Decision, number: float, verdict: str) -> None:
    for sign in (1.0, -1.0):
        assert judge(value(sign * number), parse_limit("±5 %", "ratio"), rule).verdict == verdict


def test_the_global_risk_of_2_percent_has_dobberts_guard_band() -> None:
    # TUR 2: A/T = 0.859, of ±2 with U = 1.
    rule, limit = Decision("risk", risk=0.02, kind="global"), parse_limit("±2 %", "ratio")
    judged = judge(value(1.70), limit, rule)
    assert (judged.verdict, judged.rule) == ("pass", "risk 2 % (global)")
    assert judged.guard_band == pytest.approx(2.0 * (1.0 - 0.859), abs=1e-3)
    assert judged.test_uncertainty_ratio == pytest.approx(2.0)
    assert judge(value(1.73), limit, rule).verdict == "inconclusive"
    assert judge(value(2.27), limit, rule).verdict == "inconclusive"
    assert judge(value(2.29), limit, rule).verdict == "fail"


def test_against_one_limit_a_global_risk_is_bounded_by_the_specific_one() -> None:
    limit = parse_limit("<= 5 %", "ratio")
    for number in (3.9, 3.96, 3.98, 5.0, 6.02, 6.04):
        of_all, of_one = (
            judge(value(number), limit, Decision("risk", risk=0.02, kind=kind)) for kind in ("global", "specific")
        )
        assert of_all.verdict == of_one.verdict
        assert of_all.test_uncertainty_ratio is None


def test_few_degrees_of_freedom_ask_for_more() -> None:
    lines = [component("noise", 0.5, "%", degrees_of_freedom=3)]
    limit, rule = parse_limit("<= 5 %", "ratio"), Decision("risk", risk=0.02)
    # Student's quantile for 98 % with 3 degrees of freedom is 3.482.
    assert judge(measurement("m", "m", 5.0 - 1.73, "%", lines), limit, rule).verdict == "inconclusive"
    assert judge(measurement("m", "m", 5.0 - 1.75, "%", lines), limit, rule).verdict == "pass"


@pytest.mark.parametrize(
    ("text", "number", "censored", "probability"),
    [
        ("±5 %", 5.0, None, 0.5),
        ("±5 %", 4.0, None, 0.97725),
        (">= 5 %", 6.0, None, 0.97725),
        ("<= 5 %", 6.5, "above", 0.00135),
        (">= 5 %", 6.5, "above", 0.99865),
        ("<= 5 %", 4.0, "above", None),
        ("<= 5 %", 3.0, "below", 0.99997),
        (">= 5 %", 3.5, "below", 0.00135),
        ("1 % to 5 %", 6.5, "above", 0.00135),
    ],
)
def test_probability_of_conformity(
    text: str, number: float, censored: Literal["above", "below"] | None, probability: float | None
) -> None:
    found = judge(value(number, censored=censored), parse_limit(text, "ratio"), "guarded")
    assert found.probability_of_conformity == (None if probability is None else pytest.approx(probability, abs=1e-4))


def test_what_was_counted_conforms_or_does_not() -> None:
    limit = parse_limit("<= 2", "count")
    for rule in (Decision.SIMPLE, Decision.GUARDED, Decision("risk", risk=0.01), Decision("risk", 0.0, 0.01, "global")):
        kept, broken = judge(value(2.0, 0.0, ""), limit, rule), judge(value(3.0, 0.0, ""), limit, rule)
        assert (kept.verdict, kept.probability_of_conformity) == ("pass", 1.0)
        assert (broken.verdict, broken.probability_of_conformity) == ("fail", 0.0)


@given(finite, st.floats(1e-3, 20), st.floats(0.001, 0.49), st.sampled_from(["±5 %", "<= 5 %", "-4 % to 7 %"]))
def test_a_pass_risks_no_more_than_asked_and_a_fail_neither(
    number: float, uncertainty: float, risk: float, text: str
) -> None:
    judged = judge(value(number, uncertainty), parse_limit(text, "ratio"), Decision("risk", risk=risk))
    probability = judged.probability_of_conformity
    assert probability is not None
    assert judged.verdict == (
        "pass" if probability >= 1.0 - risk else "fail" if probability <= risk else "inconclusive"
    )


@pytest.mark.parametrize(
    ("rule", "text", "fine", "coarse"),
    [
        (Decision.SIMPLE, "±5 %", 4.9, 5.1),
        (Decision("guarded", r=0.5), "±5 %", 4.9, 5.1),
        (Decision("guarded", r=2.0), "±5 %", 2.4, 2.6),
        # Φ⁻¹(0.99) = 2.326 standard uncertainties on either side, with two limits; 2.054 with one.
        (Decision("risk", risk=0.02), "±5 %", 4.29, 4.31),
        (Decision("risk", risk=0.02), "<= 5 %", 4.86, 4.88),
        (Decision("risk", risk=0.2), "<= 5 %", 4.9, 5.1),
        (Decision("risk", risk=0.02, kind="global"), "±5 %", 4.9, 5.1),
    ],
)
def test_each_rule_needs_its_room(rule: Decision, text: str, fine: float, coarse: float) -> None:
    limit = parse_limit(text, "ratio")
    assert resolvable(limit, fine, "%", natural=(0.0, None), decision=rule) is None
    why = resolvable(limit, coarse, "%", natural=(0.0, None), decision=rule, remedies=["a balance of 1 g", "a day"])
    assert why is not None
    because = "a verdict would be a matter of chance" if rule.rule == "simple" else "no value could pass"
    assert because in why
    assert f"({rule}); what would do: U of at most" in why
    assert "by a balance of 1 g; or a day; or " in why


def test_some_value_passes_wherever_a_limit_is_resolved() -> None:
    limit = parse_limit("±5 %", "ratio")
    for rule in (Decision.GUARDED, Decision("risk", risk=0.02), Decision("risk", risk=0.001, kind="global")):
        reach = largest_uncertainty(rule, 5.0, two_sided=True)
        assert judge(value(0.0, 0.99 * reach), limit, rule).verdict == "pass"
