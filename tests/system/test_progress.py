"""Live progress: a line that is drawn anew on a terminal and gone at the end, dated lines elsewhere."""

from __future__ import annotations

import os
import re
import select
import struct
import subprocess
import termios
from fcntl import ioctl
from pathlib import Path
from typing import Any

from tests.system.conftest import ROOT, Finished, command_of_pytest
from tests.system.lab import PATIENCE_S, bolus, environment, write_plan

BASAL: dict[str, Any] = {
    "id": "BASAL",
    "procedure": "basal",
    "rate": "1 U/h",
    "duration": "2 h",
    "accept": {"mean_error": "±50 %"},
}


COLUMNS = 200
"""Wide enough that no temporary folder's path, however long, makes pytest break the line of its dots."""


def on_a_terminal(command: list[str], folder: Path, **variables: str) -> tuple[int, str]:
    """Run a command on a pseudo-terminal; return its exit code and all that it wrote."""
    near, far = os.openpty()
    ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", 30, COLUMNS, 0, 0))
    env = {**environment(folder), "TERM": "xterm", **variables}
    env.pop("COLUMNS")
    if "CI" not in variables:
        env.pop("CI", None)
    written = b""
    with subprocess.Popen(command, cwd=ROOT, env=env, stdin=far, stdout=far, stderr=far) as process:
        os.close(far)
        while select.select([near], [], [], PATIENCE_S)[0]:
            try:
                written += os.read(near, 65536)
            except OSError:  # the other end was closed
                break
        code = process.wait(PATIENCE_S)
    os.close(near)
    return code, written.decode()


class Screen:
    """As much of a terminal as the status line uses."""

    def __init__(self) -> None:
        self.lines = [""]
        self.row = self.column = 0
        self._saved = (0, 0)

    def show(self, text: str) -> None:
        for part in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|\x1b[D78]|[^\x1b]", text):
            if part.startswith("\x1b"):
                self._control(part)
            else:
                self._print(part)

    def _control(self, code: str) -> None:
        if code in ("\x1bD", "\x1b[1B"):
            self.row += 1
            self._reach()
        elif code == "\x1b[1A":
            self.row -= 1
        elif code == "\x1b7":
            self._saved = (self.row, self.column)
        elif code == "\x1b8":
            self.row, self.column = self._saved
        elif code == "\x1b[2K":
            self.lines[self.row] = ""

    def _print(self, character: str) -> None:
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self.row += 1
            self._reach()
        else:
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[: self.column] + character + line[self.column + 1 :]
            self.column += 1

    def _reach(self) -> None:
        while len(self.lines) <= self.row:
            self.lines.append("")


STATUS = re.compile(r"simulated \| (\d+) % \| (\d)/2 (BASAL|BOLUS) \| ([^|]+) \| [^|]+ of \d\d:\d\d:\d\d \| ends [^|]*")


def test_on_a_terminal_a_status_line_shows_the_time_left_and_is_wiped(tmp_path: Path) -> None:
    plan = write_plan(tmp_path / "plan.yaml", BASAL, bolus())
    code, written = on_a_terminal(command_of_pytest(plan, "--reports", tmp_path / "reports"), tmp_path)
    assert code == 0, written
    drawn = re.findall(r"\x1bD\x1b\[1A\x1b7\x1b\[1B\r\x1b\[2K([^\x1b]*)\x1b8", written)
    assert drawn, written
    assert all(len(line) < COLUMNS for line in drawn)
    shares = []
    for line in drawn:
        match = STATUS.match(line)
        assert match, line
        shares.append(int(match.group(1)))
    assert shares == sorted(shares)
    assert any(re.search(r"ends \w{3} \d\d:\d\d:\d\d \(in \d\d:\d\d:\d\d\)|ends \w{3} \d\d", line) for line in drawn)
    screen = Screen()
    screen.show(written)
    assert not [line for line in screen.lines if "simulated |" in line], screen.lines
    assert any(re.search(r"plan\.yaml \.\. +\[100%\]$", line.rstrip()) for line in screen.lines), screen.lines


def test_a_terminal_of_a_ci_or_a_dumb_one_has_no_status_line(tmp_path: Path) -> None:
    plan = write_plan(tmp_path / "plan.yaml", bolus())
    code, written = on_a_terminal(command_of_pytest(plan, "--reports", tmp_path / "reports"), tmp_path, CI="true")
    assert code == 0, written
    assert "\x1bD" not in written


def test_elsewhere_dated_lines_say_the_same(drive: Any, tmp_path: Path) -> None:
    plan = write_plan(tmp_path / "plan.yaml", bolus("BASAL"), bolus())
    run: Finished = drive(plan, "-o", "bench_progress_seconds=0")
    assert run.code == 0, run.output
    dated = re.findall(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\+00:00 (.*)$", run.output, re.MULTILINE)
    assert len(dated) > 10
    assert all(STATUS.match(line) for _, line in dated), dated
    assert {"bolus 1 of 2", "weighing a blank"} <= {line.split(" | ")[3] for _, line in dated}
    assert "\x1b" not in run.output
    quiet: Finished = drive(plan, reports="quiet")
    assert "simulated |" not in quiet.output
