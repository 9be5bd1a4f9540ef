"""Live progress: a status line on a terminal, plain lines elsewhere.

pytest itself is silent during a test, and a test can take days. On a terminal the line below pytest's own shows the
test, what it does and when the session ends; it is wiped before pytest prints. Elsewhere a dated line appears now and
then, which also keeps a CI's silence time-out away.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import sys
from typing import TextIO

import pytest

from bench.clock import Clock, RealClock, host_monotonic_s

progress_key = pytest.StashKey["Progress"]()


def duration_text(duration_s: float) -> str:
    """Return a duration as `2 d 03:04:05` or `00:04:05`."""
    seconds = max(0, round(duration_s))
    days, rest = divmod(seconds, 86400)
    text = f"{rest // 3600:02d}:{rest % 3600 // 60:02d}:{rest % 60:02d}"
    return f"{days} d {text}" if days else text


class Progress:
    """Shows how far the session is; the run calls `activity` while it waits.

    Args:
        stream: the real terminal or file behind pytest's capture.
        interval_s: seconds of host time between plain lines.
        live: whether the stream is a terminal on which a line can be drawn anew.

    """

    def __init__(self, stream: TextIO, *, interval_s: float, live: bool) -> None:
        self._stream = stream
        self._interval_s = 0.2 if live else interval_s
        self._live = live
        self._durations_s: dict[str, float] = {}
        self._order: list[str] = []
        self._clock: Clock | None = None
        self._started_host_s = host_monotonic_s()
        self._shown_host_s = self._started_host_s
        self._test_started_s = 0.0
        self._current = ""
        self._drawn = False
        self.failed = 0

    def expect(self, durations_s: dict[str, float]) -> None:
        """Say which tests will run, in order, and about how long each takes."""
        self._durations_s = durations_s
        self._order = list(durations_s)
        self._started_host_s = host_monotonic_s()

    def begin(self, key: str, clock: Clock) -> None:
        """Say that test `key` begins now."""
        self._current = key
        self._clock = clock
        self._test_started_s = clock.now_s()

    def activity(self, test_id: str, activity: str, now_s: float, expected_end_s: float) -> None:
        """Show what test `test_id` is doing, at most a few times a second of host time."""
        host_s = host_monotonic_s()
        if host_s - self._shown_host_s < self._interval_s:
            return
        self._shown_host_s = host_s
        line = self._line(test_id, activity, now_s, expected_end_s, host_s)
        # A terminal that has gone must not end a test that may have run for days.
        with contextlib.suppress(OSError):
            self._show(line)

    def wipe(self) -> None:
        """Take the status line away before pytest prints."""
        if self._drawn:
            self._drawn = False
            with contextlib.suppress(OSError):
                self._stream.write("\x1b7\x1b[1B\r\x1b[2K\x1b8")
                self._stream.flush()

    def _show(self, line: str) -> None:
        if self._live:
            width = max(20, os.get_terminal_size(self._stream.fileno()).columns - 1)
            # IND makes room below and keeps the column; the cursor is put back where pytest left it.
            self._stream.write(f"\x1bD\x1b[1A\x1b7\x1b[1B\r\x1b[2K{line[:width]}\x1b8")
            self._drawn = True
        else:
            stamp = self._clock.wall_utc().isoformat(timespec="seconds") if self._clock else ""
            self._stream.write(f"\n{stamp} {line}\n")
        self._stream.flush()

    def _line(self, test_id: str, activity: str, now_s: float, expected_end_s: float, host_s: float) -> str:
        total_s = sum(self._durations_s.values()) or 1.0
        index = self._order.index(self._current) if self._current in self._order else 0
        before_s = sum(self._durations_s[key] for key in self._order[:index])
        expected_s = self._durations_s.get(self._current, 0.0)
        done_s = before_s + min(now_s - self._test_started_s, expected_s)
        share = min(1.0, done_s / total_s)
        left_s = max(0.0, total_s - done_s)
        host_left_s = left_s
        if self._clock is not None and self._clock.simulated and done_s > 0:
            host_left_s = left_s * (host_s - self._started_host_s) / done_s
        ends = RealClock().wall_utc().astimezone() + dt.timedelta(seconds=host_left_s)
        parts = [
            f"{100 * share:.0f} %",
            f"{index + 1}/{len(self._order) or 1} {test_id}",
            activity,
            f"{duration_text(now_s - self._test_started_s)} of {duration_text(expected_end_s - self._test_started_s)}",
            f"ends {ends:%a %H:%M:%S} (in {duration_text(host_left_s)})",
        ]
        if self._clock is not None and self._clock.simulated:
            parts.insert(0, "simulated")
        if self.failed:
            parts.append(f"{self.failed} not passed")
        return " | ".join(parts)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Take hold of the terminal before pytest captures it."""
    # The duplicate outlives pytest's redirection of descriptor 1 and is the only way to the terminal during a test.
    stream = os.fdopen(os.dup(sys.__stdout__.fileno() if sys.__stdout__ else 1), "w", encoding="utf-8")
    live = stream.isatty() and not os.environ.get("CI") and os.environ.get("TERM", "dumb") != "dumb"
    interval_s = float(config.getini("bench_progress_seconds"))
    progress = Progress(stream, interval_s=interval_s, live=live)
    config.stash[progress_key] = progress
    config.pluginmanager.register(_Wiper(progress), "bench-progress-wiper")
    config.add_cleanup(stream.close)


class _Wiper:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._progress.failed += report.failed
        self._progress.wipe()

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self) -> None:
        self._progress.wipe()
