"""A test's section and a run's header as HTML: all that was found, every text escaped."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from bench.metrology.budget import bounded, component
from bench.metrology.budget import measurement as made_measurement
from bench.metrology.monte_carlo import confirm
from bench.metrology.rounding import limit_text
from bench.reporting import html as report_html
from bench.reporting.budgets import budgets
from bench.reporting.numbers import with_minus
from bench.reporting.rows import finding_text
from bench.results.model import Correlation, Judged, Pulse, RunResult, TestResult, Verdict
from tests.reporting.sample_result import HOSTILE, measurement, sample_run

RUN = sample_run()


class Reader(HTMLParser):
    """Collects a page's tags, attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.words += data


def by_id(test_id: str) -> TestResult:
    return next(test for test in RUN.tests if test.id == test_id)


def section(test_id: str) -> Reader:
    return Reader(report_html.test_html(by_id(test_id), simulated=True))


@pytest.mark.parametrize("test", RUN.tests, ids=lambda test: test.id)
def test_section_holds_every_measurement_limit_figure_and_note(test: TestResult) -> None:
    read = Reader(report_html.test_html(test, simulated=True))
    assert test.verdict.value.upper() in read.words
    assert test.title in read.words
    if not (test.evaluation and test.evaluation.doubts):
        unmet = [judged for judged in test.judged if judged.verdict is not Verdict.PASS]
        shown = [f"breaks the limit {limit_text(judged.limit)}" for judged in unmet if judged.verdict is Verdict.FAIL]
        shown += [judged.reason[1:] for judged in unmet if test.verdict is Verdict.INCONCLUSIVE]
        assert all(each in read.words for each in shown or [test.reason[1:]])
    assert "SIMULATED" in read.words
    for judged in test.judged:
        assert with_minus(limit_text(judged.limit)) in read.words
    if test.evaluation is None:
        return
    for measured in test.evaluation.measurements:
        assert measured.title[1:] in read.words
        assert measured.note in read.words
    for line in [*test.evaluation.notes, *test.evaluation.doubts, *(f.caption for f in test.evaluation.figures)]:
        assert line in read.words
    assert read.tags.count("bench-chart") == len(test.evaluation.figures)


def test_values_stand_with_uncertainty_unit_and_factor() -> None:
    text = report_html.test_html(by_id("BASAL-0.1U"), simulated=False)
    assert '<td class="n">+7.31<td class="u">± 0.42<td>%<td class="n">2<' in text
    assert '<td class="n">0.503<td class="u">± 0.012<td>µL<td class="n">2.13<' in text
    assert 'aria-label="+7.31 ± 0.42 %, limit ±5 %"' in text
    assert "no pulse stood out of the noise" in text
    assert "not determined" in text


def test_a_censored_value_is_a_bound() -> None:
    text = report_html.test_html(by_id("OCC-0.1U"), simulated=False)
    assert "&gt; 180.00<" in text or "> 180.00<" in text


def test_a_limit_in_another_unit_is_shown_in_both() -> None:
    words = section("BOLUS-1U").words
    assert "\u22120.5 U to +0.5 U" in words
    assert "−5 to 5 µL" in words


def test_budget_gives_components_by_weight_and_their_sum() -> None:
    text = report_html.test_html(by_id("BASAL-1U"), simulated=False)
    budget = text[text.index('class="budget"') :]
    assert budget.index("repeatability") < budget.index("evaporation") < budget.index("readability")
    assert "Combined standard uncertainty 0.21 % · effective ν ∞ · k = 2 for 95.45 % · U = 0.42 %" in budget


def test_a_budget_tells_estimate_distribution_freedom_form_correlation_and_check() -> None:
    lines = [
        component("evaporation", 0.3, "mg", 0.1, degrees_of_freedom=7, source="blanks", estimate=1.25),
        bounded("span <b>", 0.002, "1", 100.0, form="factor"),
    ]
    correlated = [Correlation(first="evaporation", second="span <b>", coefficient=0.5, source="one balance")]
    made = made_measurement("m", "mean error", 4.5, "%", lines, correlations=correlated)
    text = budgets([confirm(made, draws=5000)])
    cells = [each for each in re.split(r"<[^>]*>", text[text.index("<tbody>") : text.index("</tbody>")]) if each]
    assert cells[:8] == ["span &lt;b&gt;", "rectangular", "0", "0.00115", "∞", "× 100", "0.115", "85.1 %"]
    assert cells[8:] == ["evaporation", "blanks", "normal", "1.25 mg", "0.3 mg", "7", "0.1", "0.03", "14.9 %"]
    assert f"k = {made.coverage_factor:.3g} for 95.45 %" in text
    assert "effective ν 7" in text
    assert "Correlated: evaporation and span &lt;b&gt;, r = 0.5 (one balance). ×: multiplies" in text
    assert "Monte Carlo (JCGM 101): 4." in text
    assert "(5000 draws" in text


def test_what_a_float_leaves_over_is_nothing_in_a_budget() -> None:
    lines = [component("noise", 0.3, "mg", 0.1), bounded("readability", 5e-17, "mg", 0.1), bounded("drift", 0.0, "mg")]
    text = budgets([made_measurement("m", "volume", 4.5, "U", lines)])
    assert "<td>≈ 0 mg<td>∞<td>0.1<td>≈ 0<td>0.0 %" in text
    assert "<td>0 mg<td>∞<td>1<td>0<td>0.0 %" in text
    assert "× 10" not in text


def test_a_verdict_tells_its_rule_and_odds() -> None:
    words = section("BASAL-1U").words
    assert "guarded, r = 0.83" in words
    assert "w = 0.35 %" in words
    assert "conforms: 99.99 %" in words
    assert "TUR 12" in words


def test_not_simulated_says_nothing_of_simulation() -> None:
    run = sample_run(simulated=False)
    plain = run.tests[0].model_copy(update={"evaluation": None})
    assert "SIMULATED" not in report_html.test_html(plain, simulated=False)
    assert "SIMULATED" not in report_html.run_header_html(run)


@pytest.mark.parametrize(
    "text", [report_html.test_html(test, simulated=True) for test in RUN.tests] + [report_html.run_header_html(RUN)]
)
def test_no_text_of_the_run_becomes_markup(text: str) -> None:
    read = Reader(text)
    assert "img" not in read.tags
    assert "script" not in read.tags
    assert not [name for name, _ in read.attributes if name.startswith("on")]
    assert not [value for name, value in read.attributes if name == "src"]
    assert all(re.fullmatch(r"#test-[\w.-]+", value or "") for name, value in read.attributes if name == "href")


def test_hostile_names_in_every_field_stay_text() -> None:
    test = by_id("BASAL-1U")
    bad = Judged(
        measurement=HOSTILE, limit=HOSTILE, unit=HOSTILE, lower=0, upper=None, verdict=Verdict.FAIL, reason=HOSTILE
    )
    assert test.evaluation is not None
    evaluation = test.evaluation.model_copy(
        update={
            "measurements": [measurement(HOSTILE, 1.0, HOSTILE, 0.1, note=HOSTILE)],
            "figures": [],
            "doubts": [HOSTILE],
        }
    )
    changes = {
        "id": HOSTILE,
        "settings": {HOSTILE: {HOSTILE: HOSTILE}},
        "verifies": [HOSTILE],
        "judged": [bad],
        "evaluation": evaluation,
    }
    read = Reader(report_html.test_html(test.model_copy(update=changes), simulated=True))
    assert "img" not in read.tags
    assert read.words.count(HOSTILE) >= 9


def test_header_names_plan_rig_rule_instruments_and_tally() -> None:
    words = Reader(report_html.run_header_html(RUN, "2026-folder")).words
    for wanted in (
        RUN.plan,
        RUN.rig,
        "guarded acceptance",
        "XPR205 0123456789",
        "FAIL 10 tests: 4 pass, 2 fail, 3 inconclusive, 1 error",
        "2026-folder",
    ):
        assert wanted in words
    for test in RUN.tests:
        assert test.id in words


def test_header_says_when_a_run_is_incomplete() -> None:
    passed = [test for test in RUN.tests if test.verdict is Verdict.PASS]
    run = RUN.model_copy(update={"complete": False, "ended_by": "SIGTERM", "tests": passed})
    words = Reader(report_html.run_header_html(run)).words
    assert "Incomplete run." in words
    assert "SIGTERM" in words
    assert "✓PASS 4 tests" not in words
    assert "INCOMPLETE 4 tests" in words


def test_printed_running_head_cannot_leave_its_style() -> None:
    run = RUN.model_copy(update={"plan": '"}</style><script>alert(1)</script>'})
    text = report_html.run_header_html(run)
    style = text[: text.index("</style>")]
    assert "script>" not in style
    assert Reader(text).tags.count("script") == 0


def read_back(cell: str) -> tuple[str, str]:
    """Return (column, content) as pytest-html 4.2 reads them out of a cell."""
    column = re.search(r"col-(\w+)", cell)
    content = re.search(r"<td.*?>(.*?)</td>", cell)
    assert column is not None
    assert content is not None
    return column.group(1), content.group(1)


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [(Verdict.PASS, "Passed"), (Verdict.FAIL, "Failed"), (Verdict.INCONCLUSIVE, "Failed"), (Verdict.ERROR, "Failed")],
)
def test_pytest_html_filters_by_its_own_words(verdict: Verdict, outcome: str) -> None:
    cell = report_html.verdict_cell(verdict)
    assert read_back(cell) == ("result", outcome)
    assert verdict.value.upper() in Reader(cell).words


def test_pytest_html_reads_node_id_and_duration() -> None:
    test = by_id("BASAL-1U")
    assert read_back(report_html.test_cell("a.yaml::BASAL-1U", test)) == ("testId", "a.yaml::BASAL-1U")
    assert read_back(report_html.test_cell("a--><script>", test))[1] == "a--&gt;&lt;script&gt;"
    assert read_back(report_html.duration_cell(test)) == ("duration", "24:00:34")


def test_finding_is_the_measurement_that_decided() -> None:
    assert "Mean error: +7.31 ± 0.42 % (limit ±5 %)" in report_html.finding_cell(by_id("BASAL-0.1U"))
    assert "Doubt: A jump of 12.4 mg" in report_html.finding_cell(by_id("BOLUS-1U"))
    assert "no answer" in report_html.finding_cell(by_id("OCC-BOLUS"))


def test_what_went_wrong_and_the_first_figure_stand_before_settings_and_limits() -> None:
    test = by_id("OCC-0.1U")
    text = report_html.test_html(test, simulated=True)
    order = ("found of-fail", "Is it off?", "Second finding.", 'class="reason"', "<bench-chart", "Procedure")
    places = [text.index(each) for each in (*order, "Measurements against limits", "More figures")]
    assert places == sorted(places)
    assert "by \u22123 kPa" in Reader(text).words
    assert "What was found" not in report_html.test_html(by_id("OCC-1U"), simulated=True)


def test_a_row_tells_the_first_finding_of_a_test_that_did_not_pass() -> None:
    test = by_id("OCC-0.1U")
    assert "No alarm came within 3 h" in finding_text(test)
    assert finding_text(test).endswith("Is it off? (and 1 more)")
    assert "Is it off?" not in finding_text(test, short=True)
    passed = test.model_copy(update={"verdict": Verdict.PASS})
    assert "No alarm" not in finding_text(passed)


def test_an_aborted_test_is_told_as_aborted_and_none_of_its_limits_as_judged() -> None:
    test = by_id("BASAL-0.1U")
    assert test.evaluation is not None
    part = test.evaluation.model_copy(
        update={"partial": "Aborted after 7 h of about 25 h: lost", "doubts": ["so it is"]}
    )
    aborted = test.model_copy(update={"evaluation": part, "verdict": Verdict.ERROR})
    assert finding_text(aborted) == "Aborted after 7 h of about 25 h: lost"
    words = Reader(report_html.test_html(aborted, simulated=True)).words
    assert words.count("NOT JUDGED") == len(test.judged)
    assert "✕FAIL" not in words
    head = Reader(report_html.run_header_html(RUN.model_copy(update={"tests": [aborted]}))).words
    assert f"1 test: 1 error; {len(test.judged)} limits not judged" in head


def test_empty_run() -> None:
    run = RunResult.model_validate({**RUN.model_dump(), "tests": [], "instruments": {}, "versions": {}})
    assert "No test was run." in report_html.run_header_html(run)


def with_pulses(count: int, *kinds: str) -> TestResult:
    test = by_id("BASAL-1U")
    assert test.evaluation is not None
    pulses = [
        Pulse.model_validate(
            {"time_s": 180.0 * n, "volume_ul": 0.51234, "standard_uncertainty_ul": 0.0123, "kind": kind}
        )
        for n, kind in enumerate([*kinds, *["expected"] * (count - len(kinds))])
    ]
    return test.model_copy(update={"evaluation": test.evaluation.model_copy(update={"pulses": pulses})})


def test_every_pulse_stands_in_a_closed_table() -> None:
    text = report_html.test_html(with_pulses(40, "missed", "doubled"), simulated=True)
    assert '<details class="long pulses">' in text
    assert "(40 pulses, 1 missed, 1 doubled)" in text
    assert "<tr><td>40<td>7020.0<td>0.512<td>0.012<td>expected" in text


def test_boluses_are_not_shown_as_pulses_beside_their_own_table() -> None:
    assert "long pulses" in report_html.test_html(with_pulses(40), simulated=True)
    assert "long pulses" not in report_html.test_html(with_pulses(3, "bolus", "bolus", "bolus"), simulated=True)


def test_many_pulses_are_cut_with_a_word_where_the_rest_is() -> None:
    text = report_html.test_html(with_pulses(1200), simulated=True)
    table = text[text.index("long pulses") :]
    assert table[: table.index("</table>")].count("<tr><td>") == 500
    assert "The first 500 of 1200 pulses; all of them are in results.json." in text


def test_a_failed_test_says_each_limit_that_is_not_met_fails_first() -> None:
    test = by_id("BASAL-0.1U")
    lines = [
        Judged(measurement="mean_error", limit="<= 5 %", unit="%", lower=None, upper=5, verdict=verdict, reason=reason)
        for verdict, reason in (
            (Verdict.INCONCLUSIVE, "b may lie on either side"),
            (Verdict.FAIL, "a breaks the limit"),
            (Verdict.PASS, "c keeps the limit"),
        )
    ]
    text = report_html.test_html(test.model_copy(update={"judged": lines}), simulated=False)
    assert (
        '<ul class="reason"><li>Mean error: 7.31 ± 0.42 % breaks the limit ≤ 5 %.'
        "<li>Mean error: 7.31 ± 0.42 % may keep or break the limit ≤ 5 %.<li>1 other limit is met.</ul>" in text
    )
    alone = test.model_copy(update={"judged": lines[:1], "verdict": Verdict.INCONCLUSIVE})
    assert '<ul class="reason"><li>B may lie on either side.</ul>' in report_html.test_html(alone, simulated=False)
    assert "c keeps the limit" not in text
    assert "≤ 5 %" in Reader(text).words
    assert "<=" not in Reader(text).words


def test_what_was_counted_has_no_uncertainty_and_no_budget() -> None:
    test = by_id("BASAL-1U")
    assert test.evaluation is not None
    counted = measurement("missed_pulses", 0.0, "", 4.8e-25)
    text = report_html.test_html(
        test.model_copy(update={"evaluation": test.evaluation.model_copy(update={"measurements": [counted]})}),
        simulated=False,
    )
    assert '<td class="n">0<td class="u"><i class="none">exact</i>' in text
    assert "Uncertainty budgets" not in text
