"""The safe state of a bench: the pump stopped, the line open, the pump's supply on; and the way there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

from bench.rig.errors import RigError
from drivers.errors import InstrumentError
from drivers.roles import FLOWING, CarriesOutByHand, HasWatchdog, Instrument, Occluder, PowerSupply, Pump

ATTEMPTS = 2
"""How often each instrument is told to become safe: an interrupted exchange may spoil the first."""

INTERRUPTED = "interrupted"


class Record(Protocol):
    """Where the rig tells what was done to it."""

    def __call__(self, kind: str, /, **data: Any) -> object:
        """Take note of an event."""


class UnsafeError(RigError):
    """An instrument could not be brought to its safe state: somebody must look at the bench now."""


BringBack = Callable[[str, InstrumentError], Instrument | None]
"""Opens the instrument of a role again and returns it, where an error tells that its link was lost; else None."""


def make_safe(
    instruments: Mapping[str, Instrument], reason: str, record: Record, bring_back: BringBack | None = None
) -> None:
    """Give the pump its full power, stop it and the doser, and open the occluder.

    What each came to is recorded as `safe state`. Every instrument is tried, whatever happens to the others, and those
    whose link was lost are waited for after that, and so is a pump that a person works; Ctrl-C meanwhile is obeyed
    afterwards.

    Args:
        instruments: by role, those that are there.
        reason: why now.
        record: told `safe state`.
        bring_back: opens an instrument again whose link was lost, or None.

    Raises:
        UnsafeError: one of them could not be made safe, or says that it is not.

    """
    tries = [_Try(role, instruments[role]) for role in _STEPS if role in instruments]
    tries.sort(key=lambda each: each.by_hand)
    for each in tries:
        each.run()
    for each in tries:
        if bring_back is not None:
            each.run_when_back(bring_back)
    problems = [f"{each.role} is not {each.word}: {each.outcome.rstrip('.')}" for each in tries if not each.done]
    record("safe state", reason=reason, safe=not problems, **{each.role: each.outcome for each in tries})
    interrupted = next((each.interrupted for each in tries if each.interrupted is not None), None)
    if problems:
        raise UnsafeError(
            "; ".join(["THE BENCH MAY NOT BE SAFE", *problems]) + ". Stop it by hand now."
        ) from interrupted
    if interrupted is not None:
        raise interrupted


class _Try:
    """The way of one instrument to its safe state."""

    def __init__(self, role: str, instrument: Instrument) -> None:
        self.role = role
        self.word, self._step = _STEPS[role]
        self.outcome = ""
        self.interrupted: BaseException | None = None
        self.by_hand = isinstance(instrument, CarriesOutByHand)
        self._instrument = instrument
        self._error: InstrumentError | None = None

    @property
    def done(self) -> bool:
        return self.outcome == self.word

    def run(self) -> None:
        for _ in range(ATTEMPTS):
            self._attempt(lambda: self._step(self._instrument))
            # Whom nobody has answered for as long as that may take is not there to be asked again.
            if self.done or (self.by_hand and self.outcome != INTERRUPTED):
                return

    def run_when_back(self, bring_back: BringBack) -> None:
        error = self._error
        if self.done or error is None:
            return
        back: list[Instrument | None] = []
        self._attempt(lambda: back.append(bring_back(self.role, error)))
        if not back:
            return
        self.outcome = str(error)
        if back[0] is not None:
            self._instrument = back[0]
            self.run()

    def _attempt(self, action: Callable[[], object]) -> None:
        try:
            action()
            self.outcome = self.word
        except (KeyboardInterrupt, SystemExit) as error:
            self.interrupted = error
            self.outcome = INTERRUPTED
        except Exception as error:
            self.outcome = str(error)
            if isinstance(error, InstrumentError):
                self._error = error


def _full_power(supply: PowerSupply) -> None:
    supply.set_voltage_v(supply.nominal_v)
    supply.switch_on()


def _stop(role: str, pump: Pump) -> None:
    pump.stop()
    state = pump.state()
    if state in FLOWING:
        raise InstrumentError(role, f"acknowledged the stop and still says that it delivers ({state})")
    if isinstance(pump, HasWatchdog):
        pump.disarm_watchdog()


_STEPS: Mapping[str, tuple[str, Callable[[Instrument], object]]] = {
    # A pump without power cannot be told to stop, and may go on by itself once it has power again.
    "power": ("on", lambda supply: _full_power(cast(PowerSupply, supply))),
    "pump": ("stopped", lambda pump: _stop("pump", cast(Pump, pump))),
    "doser": ("stopped", lambda pump: _stop("doser", cast(Pump, pump))),
    "occluder": ("open", lambda occluder: cast(Occluder, occluder).release()),
}
"""By role, in this order: the word for its safe state, and how it gets there."""
