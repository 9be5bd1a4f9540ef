"""Ctrl-C, SIGTERM and -x: the pump is stopped, the line open, and what was recorded is kept and reported."""

from __future__ import annotations

import json
import signal
import socket
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.recording.reader import RecordingReader
from tests.system.conftest import Finished
from tests.system.lab import PATIENCE_S, bolus, events, session, simulate, write_plan

SIGNALS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP"}

OCCLUSION: dict[str, Any] = {
    "id": "LONG",
    "procedure": "occlusion",
    "rate": "0.05 U/h",  # days until the alarm
    "run_in": "1 min",
    "timeout": "100 h",
    "blank": "1 min",
    "accept": {"time_to_alarm": "<= 90 h"},
}

BASAL: dict[str, Any] = {
    "id": "LONG",
    "procedure": "basal",
    "rate": "1 U/h",
    "duration": "24 h",
    "accept": {"mean_error": "±50 %"},
}


def results_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def flow_at_the_end(folder: Path) -> tuple[bool, bool]:
    """Return, from the bytes that went to the instruments, whether the pump was left delivering, and the line shut."""
    with RecordingReader(folder / "recording.sqlite") as recording:
        to_pump = b"".join(data for _, _, way, data in recording.wire("pump") if way == "tx").upper()
        to_relay = b"".join(data for _, _, way, data in recording.wire("occluder") if way == "tx")
    assert b"BAS:STAT ON" in to_pump
    assert b"relay on 0" in to_relay
    delivering = to_pump.rfind(b"BAS:STAT ON") > to_pump.rfind(b"DEL:STOP")
    return delivering, to_relay.rfind(b"relay on 0") > to_relay.rfind(b"relay off 0")


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_ends_a_run_safely_and_keeps_what_there_is(tmp_path: Path, number: signal.Signals) -> None:
    plan = write_plan(tmp_path / "long.yaml", bolus("FIRST"), OCCLUSION, bolus("LAST"))
    with session(tmp_path, plan, "--wire-log") as run:
        folder = run.until("occluder closed", "LONG")
        run.process.send_signal(number)
        code = run.finish()
    word = SIGNALS[number]
    assert code == 2, run.output
    assert f"LONG: INTERRUPTED by {word} while LONG was driven" in run.output
    assert "not run: LAST" in run.output
    assert "Traceback" not in run.output
    assert str(folder / "report.html") in run.output

    with RecordingReader(folder / "recording.sqlite") as recording:
        recording.verify()
        assert recording.sealed
        (ended,) = recording.events("safe state", "LONG")
        assert (ended.data["safe"], ended.data["pump"], ended.data["occluder"]) == (True, "stopped", "open")
        assert len(recording.test("LONG").series("balance.mass_g")) > 100
    assert flow_at_the_end(folder) == (False, False)

    results = results_of(folder)
    assert results["complete"] is False
    assert results["ended_by"] == f"{word} while LONG was driven; not run: LAST"
    assert [(test["id"], test["verdict"]) for test in results["tests"]] == [("FIRST", "pass"), ("LONG", "error")]
    assert "interrupted" in results["tests"][1]["reason"]

    cases = {case.get("name"): case for case in ElementTree.parse(folder / "junit.xml").iter("testcase")}  # noqa: S314
    assert set(cases) == {"FIRST", "LONG"}
    failure = cases["LONG"].find("failure")
    assert failure is not None
    assert f"INTERRUPTED by {word}" in failure.get("message", "")
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert f"INTERRUPTED by {word}" in report
    assert "not run: LAST" in report


def test_a_signal_in_real_time_leaves_the_instruments_themselves_safe(tmp_path: Path) -> None:
    with simulate(tmp_path / "served") as server:
        basal = {**BASAL, "blank": "0 s"}
        plan = write_plan(tmp_path / "basal.yaml", basal)
        with session(tmp_path, plan, "--rig", server.rig_file) as run:
            run.until("basal commanded")
            # The relay is nobody's but ours meanwhile; the pump answers whoever spoke last, and the run speaks to it.
            ask(server.ports["occluder"], b"relay on 0\r", b">")
            assert ask(server.ports["occluder"], b"relay read 0\r", b">").endswith(b"on\n\r>")
            run.process.send_signal(signal.SIGTERM)
            assert run.finish() == 2, run.output
            (commanded,) = events(run.folder(), "basal commanded")
            assert commanded.data["rate_ul_per_h"] == 10.0
            assert events(run.folder(), "basal stopped") == []
        assert ask(server.ports["pump"], b"DEL:STAT?\n", b"\n") == b"STOP\n"
        assert ask(server.ports["occluder"], b"relay read 0\r", b">").endswith(b"off\n\r>")


def ask(port: int, question: bytes, until: bytes) -> bytes:
    heard = b""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as line:
        line.sendall(question)
        while not heard.endswith(until):
            heard += line.recv(1000)
    return heard


def test_after_a_failure_minus_x_names_what_was_not_run(drive: Callable[..., Finished], tmp_path: Path) -> None:
    wrong = bolus("WRONG", accept={"mean_error": "50 % to 90 %"})
    run = drive("-x", write_plan(tmp_path / "plan.yaml", bolus("FIRST"), wrong, bolus("THIRD"), bolus("LAST")))
    assert run.code == 1
    assert run.verdicts == {"FIRST": "pass", "WRONG": "fail"}
    assert run.results["complete"] is False
    assert run.results["ended_by"] == "stopping after 1 failures; not run: THIRD, LAST"
    assert "not run: THIRD, LAST" in run.output
    assert "not run: THIRD, LAST" in (run.folder / "report.html").read_text(encoding="utf-8")


def test_minus_x_at_the_last_test_leaves_nothing_out(drive: Callable[..., Finished], tmp_path: Path) -> None:
    wrong = bolus("WRONG", accept={"mean_error": "50 % to 90 %"})
    run = drive("-x", write_plan(tmp_path / "plan.yaml", wrong))
    assert (run.code, run.results["complete"], run.results["ended_by"]) == (1, True, "")
