"""A lab's own plans and rigs, and sessions on them that a test watches while they run."""

from __future__ import annotations

import copy
import selectors
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from bench.clock import RealClock
from bench.recording.errors import RecordingError
from bench.recording.reader import Event, RecordingReader
from tests.system.conftest import ROOT, at_a_desk, command_of_pytest

PATIENCE_S = 60.0
POLL_S = 0.05

Found = TypeVar("Found")

BOLUS: dict[str, Any] = {
    "id": "BOLUS",
    "procedure": "bolus",
    "volume": "0.1 U",
    "count": 2,
    "interval": "11 s",
    "settle": "1 s",
    "blank": "2 s",
    "accept": {"mean_error": "±90 %"},
}
"""A test that takes half a minute of bench time, and that a healthy pump passes."""


def bolus(test_id: str = "BOLUS", **changes: Any) -> dict[str, Any]:
    return {**BOLUS, "id": test_id, **changes}


def write_plan(path: Path, *tests: dict[str, Any], insulin: str = "U-100") -> Path:
    plan = {
        "plan": f"TP-{path.stem.upper()}",
        "title": "A plan of tests",
        "pump": {"insulin": insulin, "basal_increment": "0.05 U", "bolus_increment": "0.05 U"},
        "decision": "simple",
        "tests": [
            copy.deepcopy(test) for test in tests
        ],  # what two tests share would be dumped as an anchor, which plans refuse
    }
    path.write_text(yaml.safe_dump(plan, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def write_rig(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Write the simulated rig with `change` done to it."""
    rig = yaml.safe_load((ROOT / "fixtures" / "simulated.yaml").read_text(encoding="utf-8"))
    change(rig)
    path.write_text(yaml.safe_dump(rig, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def eventually(look: Callable[[], Found | None], what: str, deadline_s: float = PATIENCE_S) -> Found:
    """Return what `look` finds, as soon as it finds something."""
    clock = RealClock()
    while clock.now_s() < deadline_s:
        found = look()
        if found:
            return found
        clock.sleep_s(POLL_S)
    raise AssertionError(f"not within {deadline_s:g} s: {what}")


def events(folder: Path, kind: str) -> list[Event]:
    """Return the events of a kind in a run's recording, finished or under way."""
    with RecordingReader(folder / "recording.sqlite") as recording:
        return recording.events(kind)


def environment(temporary: Path) -> dict[str, str]:
    """Return an environment whose temporary files, locks of rigs among them, are the test's own."""
    return {**at_a_desk(), "TMPDIR": str(temporary)}


def pytest_says(*arguments: str | Path, folder: Path) -> tuple[int, str]:
    """Run pytest in a process of its own; return its code and all that it printed."""
    done = subprocess.run(
        command_of_pytest(*arguments, "--reports", folder / "reports"),
        cwd=ROOT,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@dataclass
class Running:
    """A pytest session under way."""

    process: subprocess.Popen[str]
    reports: Path
    output: str = field(default="", init=False)

    def folder(self) -> Path:
        """Return the run's folder, as soon as there is one with a recording."""
        return eventually(self._folder, f"a recording below {self.reports}")

    def until(self, kind: str, test: str | None = None) -> Path:
        """Return the run's folder when its recording has an event of a kind, and samples."""
        return eventually(lambda: self._has(kind, test), f"event {kind!r}")

    def _has(self, kind: str, test: str | None) -> Path | None:
        assert self.process.poll() is None, self.process.communicate()[0]
        folder = self._folder()
        if folder is None:
            return None
        try:
            with RecordingReader(folder / "recording.sqlite") as recording:
                return folder if recording.events(kind, test) and recording.channels() else None
        except RecordingError:
            return None  # not quite there yet

    def finish(self, timeout_s: float = PATIENCE_S) -> int:
        self.output = self.process.communicate(timeout=timeout_s)[0]
        return self.process.returncode

    def _folder(self) -> Path | None:
        return next((found.parent for found in self.reports.rglob("recording.sqlite")), None)


@contextmanager
def session(folder: Path, *arguments: str | Path, reports: str = "reports", cwd: Path = ROOT) -> Iterator[Running]:
    """Start pytest in a process of its own; it is gone afterwards."""
    with _process(command_of_pytest(*arguments, "--reports", folder / reports), folder, cwd) as process:
        yield Running(process, folder / reports)


@contextmanager
def _process(command: Sequence[str | Path], temporary: Path, cwd: Path = ROOT) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=environment(temporary),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@dataclass
class Server:
    """`pumpbench simulate` under way, and what it announced."""

    process: subprocess.Popen[str]
    rig_file: Path
    lines: list[str]

    @property
    def terminals(self) -> dict[str, Path]:
        return {words[0]: Path(words[1]) for words in self._devices()}

    @property
    def ports(self) -> dict[str, int]:
        return {words[0]: int(words[2].rpartition(":")[2]) for words in self._devices()}

    def _devices(self) -> list[list[str]]:
        return [line.split() for line in self.lines if line.startswith("  ") and "127.0.0.1:" in line]


@contextmanager
def simulate(folder: Path, *options: str) -> Iterator[Server]:
    """Serve the simulated rig in real time, as `pumpbench simulate` does; it is gone afterwards."""
    folder.mkdir(exist_ok=True)
    rig_file = folder / "served.yaml"
    pumpbench = Path(sys.executable).with_name("pumpbench")
    command: list[str | Path] = [pumpbench, "simulate", "fixtures/simulated.yaml", *options, "--output", rig_file]
    with _process(command, folder) as process:
        yield Server(process, rig_file, list(_announced(process)))


def _announced(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        assert selector.select(PATIENCE_S), "no announcement"
    for line in process.stdout:
        yield line.rstrip("\n")
        if line.startswith("Ctrl-C"):
            return
    raise AssertionError("the server ended before it served")
