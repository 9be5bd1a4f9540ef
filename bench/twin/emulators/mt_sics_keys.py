"""The keys of an MT-SICS balance: what they do, and what they tell the host (manual 11781363, pp.140-142, 222)."""

from __future__ import annotations

from collections.abc import Callable

from bench.twin.emulators.mt_sics_pan import Pan
from bench.twin.emulators.mt_sics_settings import KEYS_TELL, KEYS_WORK, Settings
from bench.twin.emulators.mt_sics_weighing import Weighing

_KEYS = {"tare": 10, "print": 7}
_FUNCTIONS = {"tare": 1, "print": 3}


class Keys:
    """Somebody's finger on them.

    The print key sends the weight as soon as it is stable, as a balance does whose menu says so, whatever `ST` says.
    The tare key takes whatever is shown.
    """

    def __init__(self, settings: Settings, pan: Pan, weighing: Weighing, reply: Callable[[str, float], None]) -> None:
        self._settings = settings
        self._pan = pan
        self._weighing = weighing
        self._reply = reply

    def press(self, key: str, indication_g: float, time_s: float) -> None:
        """Press `tare` or `print` and let it go."""
        mode = self._settings.key_mode
        works, tells = mode in KEYS_WORK, mode in KEYS_TELL
        if tells and not works:
            self._reply(f"K C {_KEYS[key]}", time_s)
        if not works:
            return
        if tells:
            self._reply(f"K B {_FUNCTIONS[key]}", time_s)
        if key == "print":
            self._weighing.print_wanted = True
        else:
            self._pan.tare(indication_g)
        if tells:
            self._reply(f"K A {_FUNCTIONS[key]}", time_s)
