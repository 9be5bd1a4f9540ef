"""How long each instrument takes to answer is measured once, before the first test, and shown with the instruments."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.recording.reader import RecordingReader
from bench.reporting.head_tables import instruments_html
from bench.run.evaluate import evaluate_run
from tests.run.conftest import Made

Make = Callable[..., Made]
MEASURED = {"pump": 2.0, "balance": 2.0, "pressure": 25.0, "occluder": 2.0, "climate": 2.0}
"""ms; the voltmeter measures for as long as a period of the mains, and a little."""


def test_the_latency_of_every_link_is_recorded_and_shown(make_run: Make) -> None:
    made = make_run()
    made.session.open()
    made.session.run_test(made.plan.tests[1])
    result = made.session.close()
    with RecordingReader(made.folder / "recording.sqlite") as recording:
        found = {event.data["instrument"]: event for event in recording.events("link latency")}
        started_s = recording.test("FLOW-2").start_s
        recording.verify()
    assert set(found) == set(MEASURED)
    for role, wanted_ms in MEASURED.items():
        data = found[role].data
        assert found[role].test == ""
        assert found[role].time_s < started_s
        assert data["questions"] == 20
        assert [1e3 * data[key] for key in ("least_s", "median_s", "greatest_s")] == pytest.approx(3 * [wanted_ms])
    assert result.instruments["balance"]["link_latency"] == "2.0 ms (2.0 ms to 2.0 ms, 20 questions)"
    assert "link latency 2.0 ms" in instruments_html(result)
    assert evaluate_run(made.folder, made.procedures) == result


def test_an_instrument_that_does_not_answer_now_is_noted_and_left_to_its_tests(make_run: Make) -> None:
    made = make_run(faults="{fault: silent_instrument, instrument: climate, first: 1 s}")
    made.session.open()
    made.session.close()
    with RecordingReader(made.folder / "recording.sqlite") as recording:
        [missing] = recording.events("link latency not measured")
        assert missing.data["instrument"] == "climate"
        assert "saw nothing" in missing.data["problem"]
        assert len(recording.events("link latency")) == len(MEASURED) - 1


def test_a_line_that_is_found_shut_is_opened_before_the_first_test(make_run: Make) -> None:
    """As by a valve that its released relay shuts, or by a program that ended in the middle of an occlusion."""
    made = make_run()
    port = made.twin.ports["occluder"]
    port.open()
    port.write(b"relay on 0\r")
    port.close()
    made.clock.sleep_s(1.0)
    assert made.twin.world.occluder.shut
    made.session.open()
    assert not made.twin.world.occluder.shut
    made.session.close()
    with RecordingReader(made.folder / "recording.sqlite") as recording:
        assert len(recording.events("line was found shut, and opened")) == 1
