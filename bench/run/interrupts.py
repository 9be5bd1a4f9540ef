"""Ctrl-C and SIGTERM while a test is driven: taken at a moment at which no instrument is in mid-sentence."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Interrupts:
    """Keeps the first signal until the run asks for it; a second one is obeyed where it lands."""

    def __init__(self) -> None:
        self._pending: Callable[[], None] | None = None

    def check(self) -> None:
        """Obey a signal that came since; does nothing otherwise.

        Raises:
            KeyboardInterrupt: or whatever the signal's own handler raises.

        """
        pending, self._pending = self._pending, None
        if pending is not None:
            pending()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep SIGINT, SIGTERM and SIGHUP for `check` inside; a signal that was not asked for is obeyed at the end."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before: dict[signal.Signals, Any] = {
            number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        kept = {number: handler for number, handler in before.items() if callable(handler)}

        def keep(number: int, frame: FrameType | None) -> None:
            handler = kept[signal.Signals(number)]
            if self._pending is not None:
                handler(number, frame)
            self._pending = lambda: handler(number, None)

        for number in kept:
            signal.signal(number, keep)
        try:
            yield
        finally:
            for number, handler in kept.items():
                signal.signal(number, handler)
            self.check()
