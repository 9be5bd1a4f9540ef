"""Faults of the pump's power and memory."""

from __future__ import annotations

from typing import Literal

from bench.twin.faults.base import OneFault


class BatteryForgets(OneFault):
    """Pump: when its power returns it has lost its counts and its basal rate, and says nothing of it."""

    fault: Literal["battery_forgets"]


Kinds = BatteryForgets
