"""However a test ends, the pump is stopped, the line is open, and both are on record."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable

import pytest

from bench.procedures.base import Stage
from bench.recording.errors import RecordingError
from bench.recording.reader import RecordingReader
from bench.results.model import RunResult, Verdict
from bench.rig.safe import UnsafeError
from bench.run.evaluate import evaluate_run
from bench.run.session import RunOverError
from bench.run.state import RunState
from drivers.errors import InstrumentError
from tests.run.conftest import Made

Make = Callable[..., Made]


def ended(made: Made, test: str = "FLOW-1") -> tuple[str, str]:
    with RecordingReader(made.folder / "recording.sqlite") as recording:
        [event] = recording.events("test ended", test)
        [safe] = recording.events("safe state", test)
        assert safe.data["safe"] is made.safe
        return event.data["outcome"], event.data["reason"]


def raising(error: BaseException) -> Callable[[Stage], None]:
    def during(stage: Stage) -> None:
        stage.occluder.occlude()
        raise error

    return during


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1)])
def test_an_interrupted_test_is_left_safe_with_its_recording(make_run: Make, error: BaseException) -> None:
    made = make_run()
    made.session.open()
    made.procedure.during = raising(error)
    with pytest.raises(type(error)):
        made.session.run_test(made.plan.tests[0])
    assert made.safe
    result = made.session.close("Ctrl-C")
    assert made.session.states.current is RunState.ABORTED
    assert ended(made) == ("interrupted", "interrupted before its end")
    assert (result.complete, result.ended_by) == (False, "Ctrl-C")
    assert [(test.id, test.verdict) for test in result.tests] == [("FLOW-1", Verdict.ERROR)]
    assert RunResult.model_validate_json((made.folder / "results.json").read_bytes()) == result
    assert evaluate_run(made.folder, made.procedures) == result
    with RecordingReader(made.folder / "recording.sqlite") as recording:
        recording.verify()
        assert len(recording.test("FLOW-1").series("balance.mass_g")) == pytest.approx(3000, abs=50)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_obeyed_while_time_passes_and_in_no_exchange(make_run: Make, number: signal.Signals) -> None:
    made = make_run()
    made.session.open()
    before = signal.signal(number, signal.default_int_handler)
    reached: list[str] = []

    def during(stage: Stage) -> None:
        os.kill(os.getpid(), number)
        reached.append(stage.pump.state())  # an exchange is not broken off

    made.procedure.during = during
    try:
        with pytest.raises(KeyboardInterrupt):
            made.session.run_test(made.plan.tests[0])
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)
    assert reached == ["basal"]
    made.session.close("signal")
    assert made.safe
    assert ended(made)[0] == "interrupted"


def test_a_second_ctrl_c_is_obeyed_where_it_lands(make_run: Make) -> None:
    made = make_run()
    made.session.open()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def during(stage: Stage) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("the second was ignored")

    made.procedure.during = during
    try:
        with pytest.raises(KeyboardInterrupt):
            made.session.run_test(made.plan.tests[0])
    finally:
        signal.signal(signal.SIGINT, before)
    assert made.safe
    made.session.close("Ctrl-C")


def test_an_instrument_that_is_lost_ends_its_test_with_an_error_and_not_the_run(make_run: Make) -> None:
    made = make_run()
    made.session.open()
    made.procedure.during = raising(InstrumentError("pump", "no reply within 3 s"))
    result = made.session.run_test(made.plan.tests[0])
    assert (result.verdict, result.reason) == (Verdict.ERROR, "pump: no reply within 3 s")
    assert made.safe
    made.procedure.during = lambda _: None
    assert made.session.run_test(made.plan.tests[1]).verdict is Verdict.PASS
    assert made.session.close().complete


@pytest.mark.parametrize(
    ("instrument", "words"),
    [("balance", "no reading for 5 s while it should stream"), ("pressure", "pressure"), ("climate", "climate")],
)
def test_an_instrument_that_falls_silent_ends_its_test_with_its_name(
    make_run: Make, instrument: str, words: str
) -> None:
    made = make_run(faults=f"{{fault: silent_instrument, instrument: {instrument}, first: 200 s}}")
    made.session.open()
    result = made.session.run_test(made.plan.tests[0])
    made.session.close()
    assert result.verdict is Verdict.ERROR
    assert words in result.reason
    assert "lost while it was recorded" in result.reason
    assert made.safe
    assert result.ended_s < 520.0


def test_single_garbled_lines_are_gaps_and_not_the_end(make_run: Make) -> None:
    made = make_run(faults="{fault: garbled_line, instrument: balance, every: 500, first: 100 s}")
    made.session.open()
    result = made.session.run_test(made.plan.tests[0])
    made.session.close()
    assert result.verdict is Verdict.PASS
    with RecordingReader(made.folder / "recording.sqlite") as recording:
        gaps = recording.test("FLOW-1").events("gap")
    assert len(gaps) == pytest.approx(10, abs=1)
    assert {gap.data["instrument"] for gap in gaps} == {"balance"}


def test_a_fault_of_the_procedure_is_not_hidden(make_run: Make) -> None:
    made = make_run()
    made.session.open()
    made.procedure.during = raising(ZeroDivisionError("oh"))
    with pytest.raises(ZeroDivisionError):
        made.session.run_test(made.plan.tests[0])
    assert made.safe
    made.procedure.during = lambda _: None
    made.procedure.evaluation_error = ValueError("no pulses")
    with pytest.raises(ValueError, match="no pulses"):
        made.session.run_test(made.plan.tests[1])
    result = made.session.close()
    assert [(test.verdict, test.reason) for test in result.tests] == [
        (Verdict.ERROR, "ZeroDivisionError: oh"),
        (Verdict.ERROR, "not evaluated: no pulses"),
    ]


def test_a_pump_that_cannot_be_stopped_ends_the_run_loudly(make_run: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_run()
    made.session.open()

    def cut(stage: Stage) -> None:
        stage.occluder.occlude()

        def stop() -> None:
            raise InstrumentError("pump", "the cable is out")

        monkeypatch.setattr(stage.pump, "stop", stop)
        raise InstrumentError("pump", "no reply within 3 s")

    made.procedure.during = cut
    with pytest.raises(UnsafeError, match="THE BENCH MAY NOT BE SAFE; pump is not stopped: pump: the cable is out"):
        made.session.run_test(made.plan.tests[0])
    assert not made.twin.world.occluder.closed
    with pytest.raises(RunOverError, match=r"FLOW-2 was not driven, since the run was given up: THE BENCH"):
        made.session.run_test(made.plan.tests[1])
    with pytest.raises(UnsafeError):
        made.session.close()
    result = made.session.close()
    assert not result.complete
    assert "the cable is out" in result.ended_by
    assert result.tests[0].verdict is Verdict.ERROR
    assert (made.folder / "results.json").exists()
    outcome, reason = ended(made)
    assert outcome == "error"
    assert reason.startswith("THE BENCH MAY NOT BE SAFE")
    assert reason.endswith("before that: pump: no reply within 3 s")


def test_a_crashed_run_is_evaluated_as_one(make_run: Make) -> None:
    made = make_run()
    made.session.open()
    made.session.run_test(made.plan.tests[0])
    assert made.session._writer is not None
    made.session._writer.event("test started", "FLOW-2", id="FLOW-2")
    made.session._writer.close()
    result = evaluate_run(made.folder, made.procedures)
    assert not result.complete
    assert result.ended_by == "the run crashed: its recording was never sealed"
    assert result.recording_digest == ""
    assert [test.verdict for test in result.tests] == [Verdict.PASS, Verdict.ERROR]
    assert result.tests[1].reason == "the run crashed while this test was driven"


def test_a_changed_recording_is_not_evaluated(make_run: Make) -> None:
    made = make_run()
    made.session.open()
    made.session.run_test(made.plan.tests[0])
    made.session.close()
    connection = sqlite3.connect(made.folder / "recording.sqlite")
    connection.execute("UPDATE samples SET value = value * 1.01 WHERE seq = 4000")
    connection.commit()
    connection.close()
    with pytest.raises(RecordingError, match="samples block 1"):
        evaluate_run(made.folder, made.procedures)


def test_a_recording_that_cannot_be_written_ends_the_run_with_the_pump_stopped(make_run: Make) -> None:
    made = make_run()
    made.session.open()

    def lose_the_disk(stage: Stage) -> None:
        stage.occluder.occlude()
        assert made.session._writer is not None
        made.session._writer._connection.close()

    made.procedure.during = lose_the_disk
    with pytest.raises(RecordingError, match="cannot be written"):
        made.session.run_test(made.plan.tests[0])
    assert made.safe
    with pytest.raises(RunOverError, match="cannot be written"):
        made.session.run_test(made.plan.tests[1])


def test_ctrl_c_while_the_rig_is_left_is_obeyed_once_results_are_written(
    make_run: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_run()
    made.session.open()
    made.session.run_test(made.plan.tests[0])
    presses = [KeyboardInterrupt()]
    assert made.session._open_rig is not None
    pump = made.session._open_rig.pump
    stop = pump.stop

    def impatient() -> None:
        if presses:
            raise presses.pop()
        stop()

    monkeypatch.setattr(pump, "stop", impatient)
    with pytest.raises(KeyboardInterrupt):
        made.session.close()
    result = RunResult.model_validate_json((made.folder / "results.json").read_bytes())
    assert (result.complete, result.ended_by) == (False, "KeyboardInterrupt")
    assert result.recording_digest != ""
    assert made.safe


def test_a_signal_that_comes_while_a_failed_test_settles_is_not_forgotten(
    make_run: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_run()
    made.session.open()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def lose_the_pump(stage: Stage) -> None:
        stop = stage.pump.stop

        def stop_and_press() -> None:
            os.kill(os.getpid(), signal.SIGINT)
            stop()

        monkeypatch.setattr(stage.pump, "stop", stop_and_press)
        raise InstrumentError("pump", "no reply")

    made.procedure.during = lose_the_pump
    try:
        with pytest.raises(KeyboardInterrupt):
            made.session.run_test(made.plan.tests[0])
    finally:
        signal.signal(signal.SIGINT, before)
    monkeypatch.undo()
    assert made.session.close("Ctrl-C").tests[0].reason == "pump: no reply"
