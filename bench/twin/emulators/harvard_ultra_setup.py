"""How a Harvard Protocol 11 pump is set, and what of it lasts without power.

What `nvram` says decides what is written into non-volatile memory: `on` everything, `off` no rates, `none` nothing.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, fields

from bench.twin.emulators.harvard_ultra_motion import INFUSE, WITHDRAW
from bench.twin.emulators.harvard_ultra_numbers import Amount

_VOLATILE = ("poll", "run_screen", "knows_none")
_RATES = ("rates",)


@dataclass
class Setup:
    """Every setting."""

    address: int
    baudrate: int
    serial: str
    diameter_mm: float
    syringe: Amount
    force: int
    run_screen: bool
    knows_none: bool
    echo: str
    maker: str = "Custom"
    gang: int = 1
    rates: dict[int, Amount] = field(
        default_factory=lambda: {INFUSE: Amount(100.0, "ul/min"), WITHDRAW: Amount(100.0, "ul/min")}
    )
    ramps: dict[int, tuple[Amount, Amount, float]] = field(default_factory=dict)
    target: Amount | None = None
    target_s: float | None = None
    mode: str = "iw"
    poll: str = "off"
    nvram: str = "on"
    command_set: str = "ultra"
    smooth: str = "on"
    footswitch: str = "mom"
    dim: int = 100
    ascale: int = 100


class Storage:
    """What a pump has in its non-volatile memory.

    Args:
        setup: its settings, as they are when it is switched on.

    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._stored = copy.deepcopy(setup)

    def keep(self) -> None:
        """Write what has been set, as far as `nvram` allows."""
        setup = self._setup
        if setup.nvram == "none":
            return
        for each in fields(Setup):
            if each.name not in _VOLATILE and (setup.nvram == "on" or each.name not in _RATES):
                setattr(self._stored, each.name, copy.deepcopy(getattr(setup, each.name)))

    def restore(self) -> None:
        """Be as when it was switched on, with what was written since."""
        for each in fields(Setup):
            setattr(self._setup, each.name, copy.deepcopy(getattr(self._stored, each.name)))
