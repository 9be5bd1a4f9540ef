"""Several runs as one: groups, label tables, scatter and intervals by pump, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest

from bench.metrology.budget import undetermined
from bench.metrology.random_effects import future_dose_interval
from bench.pooling.claims import Claim
from bench.pooling.errors import PoolingError
from bench.pooling.pool import pool
from bench.quantities import parse_limit
from bench.results.model import RunResult, TestCondition, TestResult
from bench.results.pooled import Pooled, PooledGroup
from tests.pooling.made_runs import basal, boluses, measurement, not_run, occlusion, result, run

CLAIM = Claim()


def table(group: PooledGroup, name: str) -> list[list[str]]:
    (found,) = (each for each in group.tables if each.name == name)
    return found.rows


def drawn(pumps: int, each: int, sd: tuple[float, float], seed: int = 1) -> list[list[float]]:
    rng = np.random.default_rng(seed)
    return [(rng.normal(0.0, sd[0]) + rng.normal(0.0, sd[1], each)).tolist() for _ in range(pumps)]


def of_pumps(deviations: list[list[float]], **more: Any) -> dict[str, RunResult]:
    return {f"run {n}": run(boluses(each, **more), serial=f"P{n}") for n, each in enumerate(deviations)}


def test_published_bins_come_out_as_they_went_in() -> None:
    # Counts of a published label (0.05 U, 800 doses, ten bins), at percentages inside each bin.
    middles = (10, 50, 80, 92, 100, 107, 118, 150, 200, 300)
    counts = (21, 79, 63, 34, 272, 180, 105, 29, 17, 0)
    deviations = [m - 100.0 for m, count in zip(middles, counts, strict=True) for _ in range(count)]
    shares = [deviations[n::32] for n in range(32)]
    (group,) = pool(of_pumps(shares, volume="0.05 U", ul=0.5), CLAIM).groups
    assert [row[1] for row in table(group, "bins_10")] == [*map(str, counts), "800"]
    assert [row[1] for row in table(group, "bins_8")] == ["21", "79", "97", "272", "285", "29", "17", "0", "800"]
    assert [row[2] for row in table(group, "bins_8")][:3] == ["2.6 %", "9.9 %", "12.1 %"]
    ((commanded, number, of, _, least, greatest),) = table(group, "label")
    assert (commanded, number, of) == ("0.05 U", "800", "32 pumps")
    assert (least, greatest) == ("0.00500", "0.10000")


def test_scatter_and_interval_have_the_pump_as_the_unit() -> None:
    deviations = drawn(6, 20, (3.0, 2.0))
    (group,) = pool(of_pumps(deviations), CLAIM).groups
    flat = [value for each in deviations for value in each]
    labels = [n for n, each in enumerate(deviations) for _ in each]
    expected, scatter = future_dose_interval(flat, labels, 0.95, 0.95)
    found = group.doses
    assert found is not None
    assert found.tolerance is not None
    assert (found.tolerance.lower, found.tolerance.upper) == pytest.approx((expected.lower, expected.upper))
    assert found.tolerance.holds_for == "pumps like these"
    assert [each.source for each in found.variances] == ["between pumps", "within a run"]
    assert scatter.between_devices is not None
    assert found.variances[0].sd == pytest.approx(scatter.between_devices.sd)
    assert (found.doses, found.pumps, found.runs) == (120, 6, 6)
    assert found.effective_count == pytest.approx(scatter.effective_count)
    assert found.tolerance.common_uncertainty == 0.4


def test_doses_taken_for_independent_would_give_a_narrower_interval() -> None:
    from bench.metrology.tolerance import normal_interval

    deviations = drawn(4, 25, (4.0, 1.0))
    (group,) = pool(of_pumps(deviations), CLAIM).groups
    naive = normal_interval([value for each in deviations for value in each], 0.95, 0.95)
    assert group.doses is not None
    assert group.doses.tolerance is not None
    assert group.doses.tolerance.upper - group.doses.tolerance.lower > 1.5 * (naive.upper - naive.lower)


def test_runs_of_one_pump_speak_for_that_pump_alone() -> None:
    runs = {f"run {n}": run(boluses(each), serial="P1") for n, each in enumerate(drawn(3, 8, (0.5, 1.0)))}
    for named, digest in zip(runs, "abc", strict=True):
        runs[named] = runs[named].model_copy(update={"recording_digest": digest})
    pooled = pool(runs, CLAIM)
    (group,) = pooled.groups
    assert group.doses is not None
    assert group.doses.tolerance is not None
    assert group.doses.tolerance.holds_for == "this pump, in runs like these"
    assert [each.source for each in group.doses.variances] == ["between runs of a pump", "within a run"]
    assert any("nothing here tells how pumps differ" in note for note in pooled.notes)
    apart = pool(runs, CLAIM, each_run_a_pump=True)
    assert len(apart.pumps) == 3
    assert apart.groups[0].doses is not None
    assert apart.groups[0].doses.tolerance is not None
    assert apart.groups[0].doses.tolerance.holds_for == "pumps like these"


def test_doses_that_are_not_normal_get_what_few_pumps_can_show() -> None:
    rng = np.random.default_rng(3)
    skewed = [(10.0 * rng.lognormal(0.0, 0.8, 30)).tolist() for _ in range(5)]
    (group,) = pool(of_pumps(skewed), Claim(0.95, 0.95, parse_limit("±500 %", "ratio"))).groups
    found = group.doses.tolerance if group.doses else None
    assert found is not None
    assert not found.enough
    assert found.shown is False  # however wide the limit
    assert found.achieved_confidence == pytest.approx(1.0 - 5 * 0.95**4 + 4 * 0.95**5)
    assert "93 pumps are needed for 95 %" in found.method
    assert (found.lower, found.upper) == pytest.approx((min(map(min, skewed)), max(map(max, skewed))))
    assert "NOT the 95 % asked for" in table(group, "tolerance")[0][3]


def test_a_limit_is_shown_by_the_interval_with_what_doses_share() -> None:
    runs = of_pumps(drawn(8, 20, (0.5, 1.0)))
    (group,) = pool(runs, CLAIM).groups
    assert group.doses is not None
    assert group.doses.tolerance is not None
    low, high = group.doses.tolerance.lower, group.doses.tolerance.upper
    limits = {f"{low - 0.41:.6f} % to {high + 0.41:.6f} %": True}
    limits |= {f"{low - 0.41:.6f} % to {high + 0.39:.6f} %": False, f"{low - 0.39:.6f} % to {high + 0.41:.6f} %": False}
    for limit, shown in limits.items():
        (again,) = pool(runs, Claim(limit=parse_limit(limit, "ratio"))).groups
        assert again.doses is not None
        assert again.doses.tolerance is not None
        assert again.doses.tolerance.shown is shown


def test_basal_is_told_by_the_median_pump_the_lowest_and_the_highest() -> None:
    delivered = [(0.9, 5.9, 11.8), (1.0, 6.0, 12.0), (1.2, 6.3, 12.4)]
    runs = {
        f"run {n}": run(basal(float(n), dict(zip((1, 6, 12), each, strict=True))), serial=f"P{n}")
        for n, each in enumerate(delivered)
    }
    (group,) = pool(runs, CLAIM).groups
    assert table(group, "label") == [
        ["1 U/h", "1.000 [0.900, 1.200]", "6.000 [5.900, 6.300]", "12.00 [11.80, 12.40]", "3"]
    ]
    hour = next(each for each in group.across if each.name == "delivered_1h")
    assert (hour.typical, hour.lowest, hour.highest, hour.pumps) == (1.0, 0.9, 1.2, 3)
    assert group.doses is not None
    assert group.doses.mean_error == pytest.approx(1.0)
    assert "Limit" not in str(pool(runs, Claim(limit=parse_limit("±1 %", "ratio"))).groups[0].tables)


def test_a_pump_counts_once_however_many_tests_it_had() -> None:
    runs = {
        "a": run(basal(0.0, {1: 1.0}), serial="P1"),
        "b": run(basal(0.0, {1: 1.4}), serial="P1", rig="other"),
        "c": run(basal(0.0, {1: 1.3}), serial="P2"),
        "d": run(basal(0.0, {1: 1.5, 6: 6.0}), serial="P3"),
    }
    pooled = pool(runs, CLAIM)
    (group,) = pooled.groups
    assert table(group, "label")[0][1] == "1.300 [1.000, 1.500]"  # median of 1.2, 1.3 and 1.5
    assert table(group, "label")[0][2:] == ["6.000 [6.000, 6.000]", "n/a", "3, 1"]
    assert any("Pumps with several tests: P1" in note for note in group.notes)
    assert any("rig (bench-3: a, c, d; other: b)" in note for note in pooled.notes)


def test_an_alarm_that_never_came_is_the_longest() -> None:
    times = [(30.0, True), (40.0, True), (60.0, False)]
    runs = {f"run {n}": run(occlusion(t, alarm=alarm), serial=f"P{n}") for n, (t, alarm) in enumerate(times)}
    (group,) = pool(runs, CLAIM).groups
    assert table(group, "label")[0][:3] == ["1 U/h", "40.00", "> 60.00"]
    assert any("no alarm came at all" in note for note in group.notes)
    silent = {name: run(occlusion(60.0, alarm=False), serial=name) for name in ("x", "y", "z")}
    assert table(pool(silent, CLAIM).groups[0], "label")[0][1:3] == ["> 60.00", "> 60.00"]


def test_sizes_stay_apart_and_one_size_in_other_units_comes_together() -> None:
    tests = [boluses([1.0, 2.0]), boluses([1.0], "0.1 U", 1.0), boluses([3.0, 4.0], "10 µL"), occlusion(30.0)]
    tests.append(boluses([5.0, 6.0], settings={"basal": "1 U/h"}))
    tests.append(occlusion(5.0, "2 U/h"))
    groups = pool({"a": run(*tests)}, CLAIM).groups
    titles = [group.title for group in groups]
    assert titles == [
        "Boluses of 0.1 U",
        "Boluses of 1 U",
        "Boluses of 1 U beside a basal rate of 1 U/h",
        "Occlusion at 1 U/h",
        "Occlusion at 2 U/h",
    ]
    assert [group.doses.doses for group in groups if group.doses] == [1, 4, 2]
    assert groups[1].notes == ["Pumps with several tests: P1; lowest and highest are those of single tests."]


def test_what_differs_in_settings_is_told() -> None:
    runs = {"a": run(boluses([1.0, 2.0])), "b": run(boluses([1.0], settings={"interval": "60 s"}), serial="P2")}
    notes = pool(runs, CLAIM).groups[0].notes
    assert any("interval: 90 s (1 tests), 60 s (1 tests)" in note for note in notes)


def test_spread_boluses_are_a_group_of_their_own() -> None:
    square = {"shape": "square", "over": "30 min"}
    runs = {
        "a": run(boluses([1.0, 2.0]), boluses([3.0, 4.0], settings=square), serial="P1"),
        "b": run(boluses([1.0, 2.0], settings={"shape": "normal"}), serial="P2"),
    }
    assert [(group.title, group.tests) for group in pool(runs, CLAIM).groups] == [
        ("Boluses of 1 U", 2),
        ("Square boluses over 30 min of 1 U", 1),
    ]


def of(test_id: str, procedure: str, settings: dict[str, Any], **values: float) -> TestResult:
    """Return a test of any procedure with such values, each with a U of 0.5 %."""
    return result(test_id, procedure, settings, [measurement(name, value, "%") for name, value in values.items()])


@pytest.mark.parametrize(
    ("test_id", "procedure", "settings", "name"),
    [
        ("DAY", "profile", {"segments": ["1 U/h from 00:00"], "duration": "24 h", "blank": "1 h"}, "mean_error"),
        ("WEAR", "wear", {"segments": ["1 U/h from 00:00"], "duration": "72 h"}, "error_drift"),
        ("IDLE", "idle", {"state": "suspended", "rate": "1 U/h", "duration": "4 h"}, "unintended_rate"),
        ("EMPTY", "reservoir", {"remaining": "25 U", "rate": "15 U/h"}, "remainder_at_low"),
        ("POWER", "power", {"rate": "3 U/h", "off_for": "10 min"}, "voltage_at_alarm"),
        ("SIZES", "bolus", {"volume": None, "volumes": ["0.5 U", "1 U"]}, "largest_size_error"),
        ("CANCELLED", "bolus", {"volume": "1 U", "cancel_after": "50 %"}, "cancelled_difference"),
        ("FLOWING", "occlusion", {"rate": "30 U/h", "bolus": None, "occlude": False}, "flow_error"),
    ],
)
def test_every_measurement_of_any_procedure_is_told_over_all_pumps(
    test_id: str, procedure: str, settings: dict[str, Any], name: str
) -> None:
    values = (1.0, 2.0, 6.0)
    tests = [of(test_id, procedure, {**settings, "blank": f"{n} h"}, **{name: value}) for n, value in enumerate(values)]
    runs = {f"run {n}": run(test, serial=f"P{n}") for n, test in enumerate(tests)}
    other = of(test_id, procedure, {**settings, "rate": "7 U/h", "volume": "7 U"}, **{name: 9.0})
    runs["other"] = run(other, serial="P9")
    group, apart = pool(runs, CLAIM).groups
    assert group.title == f"{procedure.capitalize()}: {test_id}"
    (found,) = group.across
    assert (found.typical, found.lowest, found.highest, found.pumps) == (2.0, 1.0, 6.0, 3)
    assert found.greatest_uncertainty == 0.5
    assert table(group, "across")[0][1] == "2.000 [1.000, 6.000]"
    assert (apart.tests, apart.across[0].typical) == (1, 9.0)
    assert (group.doses is not None) is (name == "mean_error")
    assert any("blank: 0 h (1 tests), 1 h (1 tests), 2 h (1 tests)" in note for note in group.notes)


def test_what_a_label_does_not_have_is_told_over_all_pumps_too() -> None:
    runs = {}
    for n in range(3):
        tests = [boluses([1.0, 2.0]), basal(0.0, {1: 1.0}), occlusion(30.0)]
        for test in tests:
            assert test.evaluation is not None
            test.evaluation.measurements.append(measurement("made_up", float(n), "s"))
        runs[f"run {n}"] = run(*tests, serial=f"P{n}")
    for group in pool(runs, CLAIM).groups:
        assert ["made up", "1.000 [0.000, 2.000]", "s", "0.5", "3", "3"] in table(group, "across"), group.title


def test_thresholds_of_the_alarm_are_not_mixed() -> None:
    low, high = occlusion(30.0), occlusion(90.0)
    runs = {
        name: run(test.model_copy(update={"settings": {**test.settings, "level": name}}), serial=name)
        for name, test in (("low", low), ("high", high))
    }
    assert [group.title for group in pool(runs, CLAIM).groups] == [
        "Occlusion at 1 U/h, alarm set to high",
        "Occlusion at 1 U/h, alarm set to low",
    ]


def under(test: TestResult, height: str) -> TestResult:
    conditions = [
        TestCondition(name="rate", kind="setting", text="1 U/h"),
        TestCondition(name="head_height", kind="bench", text=height),
    ]
    return test.model_copy(update={"conditions": conditions, "entry": test.id, "id": f"{test.id}[head {height}]"})


def test_each_condition_of_the_bench_is_a_group_of_its_own() -> None:
    runs = {
        f"run {n}": run(
            under(basal(float(n), {1: 1.0}), "50 cm"),
            under(basal(9.0, {1: 1.0}), "-50 cm"),
            basal(0.0, {}),
            serial=f"{n}",
        )
        for n in range(2)
    }
    groups = pool(runs, CLAIM).groups
    titles = [
        "Basal rate of 1 U/h",
        "Basal rate of 1 U/h, head height -50 cm",
        "Basal rate of 1 U/h, head height 50 cm",
    ]
    assert [group.title for group in groups] == titles
    assert [group.tests for group in groups] == [2, 2, 2]
    assert groups[2].setting == {"rate": "1 U/h", "conditions": {"head_height": "50 cm"}}


def test_bounds_on_either_side_are_shown_as_such() -> None:
    voltages: list[tuple[float, Literal["above", "below"] | None]] = [(1.2, None), (1.0, "below"), (1.1, "below")]
    tests = [
        result("POWER", "power", {"rate": "3 U/h"}, [measurement("voltage_at_alarm", volt, "V", censored=censored)])
        for volt, censored in voltages
    ]
    runs = {f"run {n}": run(test, serial=f"P{n}") for n, test in enumerate(tests)}
    (group,) = pool(runs, CLAIM).groups
    assert table(group, "across")[0][1] == "< 1.100 [< 1.000, 1.200]"
    (silent,) = pool({name: runs[name] for name in ("run 1", "run 2")}, CLAIM).groups
    assert table(silent, "across")[0][1] == "< 1.100 [< 1.000, < 1.100]"


def test_what_has_no_value_says_why() -> None:
    missing = undetermined("delivered_12h", "delivered 12 h after the first command", "U", "the pump stopped early")
    short = basal(0.0, {1: 1.0})
    assert short.evaluation is not None
    short.evaluation.measurements.append(missing)
    (group,) = pool({"a": run(short), "b": run(basal(0.0, {1: 1.1}), serial="P2")}, CLAIM).groups
    told = "delivered 12 h after the first command: no value in 1 of 2 tests: the pump stopped early."
    assert told in group.notes


def test_what_is_left_out_is_named_with_the_reason() -> None:
    doubtful = boluses([50.0], doubts=["The balance was disturbed"])
    crashed = boluses([1.0], "5 U", 50.0).model_copy(update={"evaluation": None, "reason": "the run crashed"})
    other = result("BLANK", "blank", {}, [measurement("noise_10s", 0.02, "mg")])
    nothing = result("WEAR", "wear", {}, [undetermined("error_drift", "drift", "%", "worn for too short")])
    runs = {
        "a": run(boluses([1.0, 2.0]), crashed, other, nothing, not_run=[not_run("BASAL-9")]),
        "b": run(doubtful, serial="P2", complete=False, ended_by="Ctrl-C"),
    }
    pooled = pool(runs, CLAIM)
    assert [(each.run, each.test, each.reason) for each in pooled.left_out] == [
        ("a", "BOLUS-5 U", "the run crashed"),
        ("a", "BLANK", "procedure blank measures the bench, not the pump"),
        ("a", "WEAR", "none of its measurements has a value"),
        ("a", "BASAL-9", "not run"),
        ("b", "BOLUS-1 U", "doubt: The balance was disturbed"),
    ]
    assert pooled.groups[0].doses is not None
    assert pooled.groups[0].doses.greatest == pytest.approx(2.0)
    assert "b is incomplete: Ctrl-C." in pooled.notes


def test_fewer_boluses_than_were_to_be_given_are_told() -> None:
    (group,) = pool({"a": run(boluses([1.0, 2.0], settings={"count": 25}))}, CLAIM).groups
    assert "a BOLUS-1 U: only 2 of 25 boluses could be weighed." in group.notes


def test_simulated_pumps_are_told_apart_by_seed_and_labelled() -> None:
    runs = {name: run(boluses([1.0, 2.0]), simulated=True, seed=n) for n, name in enumerate("ab")}
    pooled = pool(runs, CLAIM)
    assert pooled.simulated
    assert pooled.pumps == ["P1, seed 0", "P1, seed 1"]
    assert all(figure.caption.endswith("Simulated.") for figure in pooled.groups[0].figures)
    assert Pooled.model_validate_json(pooled.model_dump_json()) == pooled


Refused = tuple[Callable[[], dict[str, RunResult]], str]
REFUSED: dict[str, Refused] = {
    "nothing": (dict, "no run was named"),
    "real and simulated": (
        lambda: {"a": run(boluses([1.0])), "b": run(boluses([1.0]), simulated=True, seed=1)},
        "real: a; simulated: b",
    ),
    "insulins": (
        lambda: {"a": run(boluses([1.0])), "b": run(boluses([1.0]), insulin="U-200")},
        "differ in insulin are not pooled: U-100: a; U-200: b",
    ),
    "models": (
        lambda: {"a": run(boluses([1.0])), "b": run(boluses([1.0]), pump={"model": "Pump B"})},
        "Maker Pump A: a; Maker Pump B: b",
    ),
    "twice": (
        lambda: {"a": run(boluses([1.0])), "b": run(boluses([1.0]))},
        "the same recording is there 2 times: a, b",
    ),
    "no insulin": (lambda: {"a": run(boluses([1.0]), insulin="")}, "add --evaluate"),
    "no serial number": (lambda: {"a": run(boluses([1.0]), serial="")}, "say so with --each-run-a-pump"),
    "nothing in it": (lambda: {"a": run()}, "no test of these runs can be pooled"),
    "no bolus": (lambda: {"a": run(boluses([]))}, "a BOLUS-1 U has no weighed bolus"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_belong_together_is_refused(case: str) -> None:
    runs, words = REFUSED[case]
    with pytest.raises(PoolingError) as refused:
        pool(runs(), CLAIM)
    assert words in str(refused.value)
