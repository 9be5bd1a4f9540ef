"""The simulated rig in real time: a plain terminal talks to it, and the very drivers run a plan on it."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.recording.reader import RecordingReader
from tests.system.lab import PATIENCE_S, Running, Server, bolus, session, simulate, write_plan

KINDS = ("terminals", "tcp")


@dataclass
class Bench:
    """A served rig, a run on it that has ended, and a second session that wanted the rig meanwhile."""

    folder: Path
    server: Server
    run: Running
    second: Running

    @property
    def run_folder(self) -> Path:
        (folder,) = self.run.reports.iterdir()
        return folder


@pytest.fixture(scope="module")
def benches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Bench]]:
    """Serve two rigs, on pseudo-terminals and on TCP, and run a plan on both at once: real time is dear."""
    with ExitStack() as stack:
        benches: dict[str, Bench] = {}
        for kind, options in zip(KINDS, ([], ["--tcp"]), strict=True):
            folder = tmp_path_factory.mktemp(kind)
            server = stack.enter_context(simulate(folder, *options))
            rig = ("--rig", server.rig_file)
            run = stack.enter_context(session(folder, write_plan(folder / "short.yaml", bolus()), *rig))
            run.until("test started")
            other = write_plan(folder / "other.yaml", bolus())
            # From another folder the same file has another name, and is the same rig.
            elsewhere = ("--rig", server.rig_file.name)
            second = stack.enter_context(session(folder, other, *elsewhere, reports="second", cwd=folder))
            benches[kind] = Bench(folder, server, run, second)
        for bench in benches.values():
            bench.second.finish()
            bench.run.finish()
        yield benches


@pytest.mark.parametrize("kind", KINDS)
def test_a_plan_passes_in_real_time_with_the_very_drivers(benches: dict[str, Bench], kind: str) -> None:
    bench = benches[kind]
    assert bench.run.process.returncode == 0, bench.run.output
    results = json.loads((bench.run_folder / "results.json").read_text(encoding="utf-8"))
    assert [(test["id"], test["verdict"]) for test in results["tests"]] == [("BOLUS", "pass")]
    assert results["simulated"] is True
    assert results["complete"] is True
    assert "SIMULATED" in (bench.run_folder / "report.html").read_text(encoding="utf-8")
    scheme = "socket://127.0.0.1" if kind == "tcp" else str(bench.folder)
    assert results["instruments"]["balance"]["address"].startswith(scheme)
    assert results["instruments"]["pump"]["address"].startswith("TCPIP0::127.0.0.1::")
    with RecordingReader(bench.run_folder / "recording.sqlite") as recording:
        recording.verify()
        mass_g = recording.test("BOLUS").series("balance.mass_g")
        assert len(mass_g) > 200  # half a minute at 10 Hz
        assert 1e-3 < mass_g.value[-1] - mass_g.value[0] < 3e-3  # 0.2 U of U-100 are 2 mg
    assert not (bench.run_folder / "twin-truth.jsonl").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_session_is_refused_and_told_who_has_the_rig(benches: dict[str, Bench], kind: str) -> None:
    bench = benches[kind]
    said = bench.second.output
    assert bench.second.process.returncode == 1, said
    assert f"in use: process {bench.run.process.pid} has it for plan TP-SHORT since 20" in said
    assert "Wait for it or end that process" in said
    assert "Traceback" not in said


CONVERSATIONS = {
    "balance": [(b"I4\r\n", b"\r\n", b'I4 A "SIM-BALANCE-1"\r\n'), (b"zi\r\n", b"\r\n", b"ES\r\n")],
    "occluder": [(b"\r", b">", b">"), (b"relay read 0\r", b">", b"off\n\r>")],
    "climate": [(b"ECHO OFF\r", b"OFF\r\n", b"Echo : OFF\r\n"), (b"SEND\r", b"\n", b"\n")],
    "pump": [
        (b"*IDN?\n", b"\n", b"pumpbench twin,TWIN-PUMP simulated,SIM-PUMP-1,1.0\n"),
        (b"DEL:STAT?\n", b"\n", b"STOP\n"),
    ],
    "pressure": [(b"*IDN?\n", b"\n", b"SIM-DMM-1,A.01.00-twin\n"), (b"READ?\n", b"\n", b"\n")],
}


def test_a_plain_terminal_talks_to_every_instrument_after_a_run(benches: dict[str, Bench]) -> None:
    for device, exchanges in CONVERSATIONS.items():
        terminal = os.open(benches["terminals"].server.terminals[device], os.O_RDWR | os.O_NOCTTY)
        try:
            for say, until, answer in exchanges:
                os.write(terminal, say)
                heard = b""
                while not heard.endswith(until):
                    assert select.select([terminal], [], [], PATIENCE_S)[0], (device, say, heard)
                    heard += os.read(terminal, 1000)
                assert heard.endswith(answer), device
        finally:
            os.close(terminal)


@pytest.mark.parametrize("device", ["pump", "pressure"])
def test_a_plain_socket_talks_scpi(benches: dict[str, Bench], device: str) -> None:
    with socket.create_connection(("127.0.0.1", benches["tcp"].server.ports[device]), PATIENCE_S) as line:
        for say, _, answer in CONVERSATIONS[device]:
            line.sendall(say)
            heard = b""
            while not heard.endswith(b"\n"):
                heard += line.recv(1000)
            assert heard.endswith(answer)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_server_ends_cleanly_and_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    with simulate(tmp_path) as server:
        assert all(terminal.is_symlink() for terminal in server.terminals.values())
        server.process.send_signal(number)
        assert server.process.communicate(timeout=PATIENCE_S)[0] == ""
        assert server.process.returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["served.yaml"]
    for port in server.ports.values():
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), PATIENCE_S)
    assert len(server.ports) == len(server.terminals) == 8
