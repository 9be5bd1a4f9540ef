"""Two processes never have the same rig, and a dead one has none."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.clock import RealClock
from bench.rig.lock import RigInUseError, lock_path, rig_lock
from bench.rig.model import Rig
from bench.rig.open import open_rig

HOLD = """
import sys
from bench.clock import RealClock
from bench.rig.lock import rig_lock

with rig_lock(sys.argv[1], "bench-3", "TP-BASAL", RealClock()):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)


@pytest.fixture
def rig_file(tmp_path: Path) -> str:
    path = tmp_path / "bench-3.yaml"
    path.write_text("rig: bench-3\n", encoding="utf-8")
    return str(path)


@pytest.fixture
def holder(rig_file: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, rig_file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def take(rig_file: str) -> None:
    with rig_lock(rig_file, "bench-3", "TP-BOLUS", RealClock()):
        pass


def test_a_second_process_is_refused_with_the_name_of_the_first(
    holder: subprocess.Popen[str], rig_file: str, tmp_path: Path
) -> None:
    with pytest.raises(RigInUseError) as caught:
        take(rig_file)
    text = str(caught.value)
    assert f"process {holder.pid} has it for plan TP-BASAL since 20" in text
    assert "rig bench-3" in text
    assert re.search(r"since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", text)


def test_the_same_file_by_another_path_is_the_same_rig(
    holder: subprocess.Popen[str], rig_file: str, tmp_path: Path
) -> None:
    link = tmp_path / "elsewhere.yaml"
    link.symlink_to(rig_file)
    with pytest.raises(RigInUseError):
        take(str(link))


def test_a_rig_in_use_is_refused_before_any_instrument_is_touched(
    holder: subprocess.Popen[str], rig_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.rig.instrument.entry_of", lambda *_: pytest.fail("an instrument was touched"))
    rig = Rig(rig="bench-3", title="Bench 3", instruments={}, file=rig_file)
    with pytest.raises(RigInUseError), open_rig(rig, RealClock(), "TP-BOLUS"):
        pass


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_of_a_dead_process_is_gone(holder: subprocess.Popen[str], rig_file: str, how: signal.Signals) -> None:
    holder.send_signal(how)
    holder.wait()
    assert lock_path(rig_file).exists()
    take(rig_file)


def test_a_process_cannot_take_a_rig_twice_and_gives_it_back(rig_file: str) -> None:
    with (
        rig_lock(rig_file, "bench-3", "A", RealClock()),
        pytest.raises(RigInUseError, match=f"process {os.getpid()} has it for plan A"),
    ):
        take(rig_file)
    take(rig_file)


def test_another_rig_is_free(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    take(str(tmp_path / "bench-4.yaml"))
