"""Four healthy pumps on four days: everything passes, and the truth lies within what is stated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.recording.reader import RecordingReader, TestRecord
from bench.results.model import Measurement, RunResult, TestResult, Verdict
from bench.twin.settings import PlantSettings
from bench.twin.truth import Truth, read_truth
from tests.system.in_process import rig_text, run_plan, smoke_text

SEEDS = range(1, 5)
TESTS = ("BASAL-2U", "BOLUS-0.1U", "BOLUS-1U", "OCCLUSION-BOLUS")
"""Of the smoke plan: the shorter ones of those that differ by their rate only."""
UL_PER_U = 10.0
COMPLIANCE_UL_PER_KPA = PlantSettings().compliance.to("µL/kPa")


@dataclass(frozen=True)
class Compared:
    """One stated value beside the truth, in its own unit."""

    what: str
    stated: Measurement
    truth: float

    @property
    def within(self) -> bool:
        assert self.stated.value is not None
        assert self.stated.expanded_uncertainty is not None
        return abs(self.stated.value - self.truth) <= self.stated.expanded_uncertainty


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[RunResult, Path]]:
    folder = tmp_path_factory.mktemp("seeds")
    return {
        seed: (run_plan(smoke_text(), rig_text(), seed, folder / str(seed), TESTS), folder / str(seed))
        for seed in SEEDS
    }


def measured(test: TestResult, name: str) -> Measurement:
    assert test.evaluation is not None
    return next(each for each in test.evaluation.measurements if each.name == name)


def compare(test: TestResult, record: TestRecord, truth: Truth) -> Iterator[Compared]:
    end_s = record.end_s
    if test.procedure == "basal":
        start_s = record.events("basal commanded")[0].time_s
        delivered_ul = truth.delivered_ul(end_s) - truth.delivered_ul(start_s)
        yield Compared(test.id, measured(test, "total_volume"), delivered_ul / UL_PER_U)
    if test.procedure == "bolus":
        start_s = record.events("bolus commanded")[0].time_s
        count = len(record.events("bolus commanded"))
        mean_ul = (truth.delivered_ul(end_s) - truth.delivered_ul(start_s)) / count
        yield Compared(test.id, measured(test, "mean_volume"), mean_ul / UL_PER_U)
    if test.procedure == "occlusion":
        opened_s = record.events("occluder opened")[0].time_s
        stored_ul = truth.delivered_ul(end_s) - truth.delivered_ul(opened_s)
        yield Compared(test.id, measured(test, "stored_bolus"), stored_ul / UL_PER_U)
        for name in ("compliance", "compliance_released"):
            yield Compared(test.id, measured(test, name), COMPLIANCE_UL_PER_KPA)
        yield from compare_alarm(test, record, truth)


def boluses_within(test: TestResult, record: TestRecord, truth: Truth) -> Iterator[bool]:
    """Tell of every single bolus whether what arrived from its command to the next lies within ±2 u of its volume."""
    assert test.evaluation is not None
    sent_s = [float(event.data["sent_s"]) for event in record.events("bolus commanded")]
    assert [pulse.time_s for pulse in test.evaluation.pulses] == sent_s
    for pulse, end_s in zip(test.evaluation.pulses, [*sent_s[1:], record.end_s], strict=True):
        true_ul = truth.delivered_ul(end_s) - truth.delivered_ul(pulse.time_s)
        yield abs(pulse.volume_ul - true_ul) <= 2.0 * pulse.standard_uncertainty_ul


def compare_alarm(test: TestResult, record: TestRecord, truth: Truth) -> Iterator[Compared]:
    """Compare what depends on when the clamp really was shut and on when the pump really raised its alarm."""
    closed_s = noted_s(truth, "occluder", record.start_s)
    alarm_s = noted_s(truth, "alarm", closed_s)
    basal, boluses = record.events("basal commanded"), record.events("bolus commanded")
    begin_s = closed_s if basal else bolus_began_s(truth, boluses[1].data["sent_s"])
    yield Compared(test.id, measured(test, "time_to_alarm"), (alarm_s - begin_s) / 60.0)
    arrived_ul = truth.delivered_ul(alarm_s) - truth.delivered_ul(closed_s)
    if basal:
        due_ul = basal[0].data["rate_ul_per_h"] * (alarm_s - closed_s) / 3600.0
    else:
        # As fast as through the open line: from the command to the last pulse.
        first_s = bolus_began_s(truth, boluses[0].data["sent_s"])
        open_s = truth.pulse_time_s[truth.pulse_time_s < closed_s][-1] - first_s
        due_ul = boluses[1].data["volume_ul"] * (alarm_s - begin_s) / open_s
    yield Compared(test.id, measured(test, "missed_volume"), (due_ul - arrived_ul) / UL_PER_U)


def bolus_began_s(truth: Truth, sent_s: float) -> float:
    """Return when a bolus really began: one interval between its pulses before its first."""
    first_s, second_s = truth.pulse_time_s[truth.pulse_time_s > sent_s][:2]
    return float(first_s - (second_s - first_s))


def noted_s(truth: Truth, kind: str, after_s: float) -> float:
    return next(float(note["time_s"]) for note in truth.notes if note["kind"] == kind and note["time_s"] > after_s)


def test_healthy_pumps_pass_every_test(runs: dict[int, tuple[RunResult, Path]]) -> None:
    unmet = {
        (seed, test.id): f"{test.verdict}: {test.reason}"
        for seed, (run, _) in runs.items()
        for test in run.tests
        if test.verdict is not Verdict.PASS
    }
    assert unmet == {}


def test_the_truth_lies_within_the_stated_uncertainty(runs: dict[int, tuple[RunResult, Path]]) -> None:
    compared: list[Compared] = []
    for run, folder in runs.values():
        truth = read_truth(folder / "twin-truth.jsonl")
        with RecordingReader(folder / "recording.sqlite") as recording:
            for test in run.tests:
                compared += compare(test, recording.test(test.id), truth)
    # A volume of each of four tests, and four more figures of the occlusion.
    assert len(compared) == 8 * len(SEEDS)
    kinds = {(each.what.partition("-")[0], each.stated.name) for each in compared}
    assert len(kinds) == 7
    for kind in kinds:
        of_kind = [each for each in compared if (each.what.partition("-")[0], each.stated.name) == kind]
        outside = [each for each in of_kind if not each.within]
        told = [(each.what, each.stated.value, each.stated.expanded_uncertainty, each.truth) for each in outside]
        assert len(outside) <= 0.1 * len(of_kind), told


def test_every_single_bolus_lies_within_its_own_uncertainty(runs: dict[int, tuple[RunResult, Path]]) -> None:
    within: dict[str, list[bool]] = {}
    for run, folder in runs.values():
        truth = read_truth(folder / "twin-truth.jsonl")
        with RecordingReader(folder / "recording.sqlite") as recording:
            for test in run.tests:
                if test.procedure == "bolus":
                    within.setdefault(test.id, []).extend(boluses_within(test, recording.test(test.id), truth))
    assert {name: len(found) for name, found in within.items()} == {
        "BOLUS-0.1U": 10 * len(SEEDS),
        "BOLUS-1U": 5 * len(SEEDS),
    }
    for name, found in within.items():
        assert sum(found) / len(found) >= 0.9, name
