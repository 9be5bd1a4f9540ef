"""Insulin pumps behind a bridge that speaks the SCPI commands of `docs/pump-bridge.md`, contract 1.x.

The bridge counts in insulin units (U); this driver converts to µL by the concentration that the pump reports.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from drivers.errors import InstrumentError, LinkError, RefusedError
from drivers.link import Link
from drivers.opening import opener, plain_line
from drivers.probe import scpi_probe
from drivers.registry import DriverEntry
from drivers.roles import FLOWING, Alarm, BolusStatus, DeliveryState, Identity, OcclusionLevel
from drivers.scpi import ScpiSession

_ADVICE = "Is the bridge running and the pump connected to it?"
_STOP_ATTEMPTS = 3
_ALARM_LIMIT = 1000
_STATES = {
    "STOP": DeliveryState.STOPPED,
    "BAS": DeliveryState.BASAL,
    "BOL": DeliveryState.BOLUS,
    "PRIM": DeliveryState.PRIMING,
    "SUSP": DeliveryState.SUSPENDED,
    "ALAR": DeliveryState.ALARM,
}
_LEVELS = {OcclusionLevel.LOW: "LOW", OcclusionLevel.MEDIUM: "MED", OcclusionLevel.HIGH: "HIGH"}
_BOLUS_STATES = ("IDLE", "NORM", "EXT", "DUAL")


class Options(BaseModel):
    """What a rig may say of the pump's bridge."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    baudrate: int = Field(115200, ge=600, le=4000000, description="of a serial line; 8 data bits, no parity")


class ScpiInsulinPump:
    """A pump behind its bridge, over a raw socket, a serial line or whatever VISA opens.

    Raises:
        NoReplyError: nothing answers.
        GarbledReplyError: what answers is no such bridge.
        RefusedError: the bridge speaks another contract than 1.x.

    """

    def __init__(self, link: Link) -> None:
        self._scpi = ScpiSession(link, _ADVICE)
        self._untaken: list[Alarm] = []
        contract, _ = self._scpi.ask("SYST:BRID?")
        if contract.partition(".")[0] != "1":
            raise RefusedError(
                self._scpi.name,
                f"speaks bridge contract {contract}",
                sent=b"SYST:BRID?",
                seen=contract.encode(),
                advice="This driver speaks 1.x (docs/pump-bridge.md).",
            )
        concentration = self._scpi.ask_number("INS:CONC?")
        if not concentration > 0.0:
            raise self._scpi.garbled("no concentration", "INS:CONC?", str(concentration).encode())
        self.concentration_u_per_ml: float | None = concentration
        self._ul_per_u = 1000.0 / concentration

    # -- every pump

    def identify(self) -> Identity:
        """Ask who the pump is (`*IDN?`), as it told when it was opened."""
        return self._scpi.identity

    def stop(self) -> None:
        """Stop all delivery at once (`DEL:STOP`), and ask whether it has; tried three times.

        Raises:
            RefusedError: the pump still says that it delivers.
            InstrumentError: it cannot be told, or does not say.

        """
        failure = InstrumentError(self._scpi.name, "was not stopped")
        for _ in range(_STOP_ATTEMPTS):
            try:
                self._scpi.command("DEL:STOP")
                state = self.state()
            except LinkError:
                raise
            except InstrumentError as error:
                failure = error
                continue
            if state not in FLOWING:
                return
            failure = RefusedError(
                self._scpi.name,
                f"still says {state.value!r} after being stopped",
                sent=b"DEL:STOP",
                advice="Stop the pump by hand.",
            )
        raise failure

    def state(self) -> DeliveryState:
        """Ask what the pump is doing (`DEL:STAT?`)."""
        text, _ = self._scpi.ask("DEL:STAT?")
        state = _STATES.get(text.upper())
        if state is None:
            raise self._scpi.garbled("no state of delivery", "DEL:STAT?", text.encode())
        return state

    def close(self) -> None:
        """Release the link; the pump goes on as it is."""
        self._scpi.close()

    # -- basal

    def start_basal(self, rate_ul_per_h: float) -> None:
        """Set the basal rate in µL/h and start delivering it, or change it while delivering; clears a profile."""
        self._scpi.command(f"BAS:RATE {self._u(rate_ul_per_h)}")
        self._scpi.command("BAS:PROF:CLE")
        self._scpi.command("BAS:STAT ON")

    def start_temporary_basal(self, percent: float, duration_s: float) -> None:
        """Start delivering `percent` (0 to 250 %) of the basal rate for `duration_s`."""
        self._scpi.command(f"BAS:TEMP:PERC {_number(percent)},{_number(duration_s)}")

    def start_temporary_rate(self, rate_ul_per_h: float, duration_s: float) -> None:
        """Start delivering a rate in µL/h instead of the basal rate for `duration_s`."""
        self._scpi.command(f"BAS:TEMP:RATE {self._u(rate_ul_per_h)},{_number(duration_s)}")

    def cancel_temporary_basal(self) -> None:
        """Stop the temporary basal and return to the basal rate."""
        self._scpi.command("BAS:TEMP:CANC")

    def start_profile(self, segments: Sequence[tuple[float, float]]) -> None:
        """Set a daily profile of 1 to 48 `(start_s, rate_ul_per_h)`, the first at 0, and start delivering it."""
        listed = ",".join(f"{_number(start_s)},{self._u(rate)}" for start_s, rate in segments)
        self._scpi.command(f"BAS:PROF {listed}")
        self._scpi.command("BAS:STAT ON")

    # -- bolus and prime

    def start_bolus(self, volume_ul: float) -> None:
        """Start a normal bolus of `volume_ul` in µL (`BOL:IMM`); it goes on by itself."""
        self._scpi.command(f"BOL:IMM {self._u(volume_ul)}")

    def start_extended_bolus(self, now_ul: float, extended_ul: float, duration_s: float) -> None:
        """Start a bolus of `now_ul` at once and `extended_ul` spread over `duration_s` (`BOL:EXT`, `BOL:DUAL`)."""
        if now_ul > 0.0:
            self._scpi.command(f"BOL:DUAL {self._u(now_ul)},{self._u(extended_ul)},{_number(duration_s)}")
        else:
            self._scpi.command(f"BOL:EXT {self._u(extended_ul)},{_number(duration_s)}")

    def bolus_status(self) -> BolusStatus:
        """Ask how far the bolus is, or how far the last one came, in µL (`BOL:STAT?`)."""
        text, _ = self._scpi.ask("BOL:STAT?")
        parts = text.split(",")
        if len(parts) != 3 or parts[0].upper() not in _BOLUS_STATES:
            raise self._scpi.garbled("no state of a bolus", "BOL:STAT?", text.encode())
        programmed, delivered = (self._scpi.number(part, "BOL:STAT?") for part in parts[1:])
        return BolusStatus(parts[0].upper() != "IDLE", programmed * self._ul_per_u, delivered * self._ul_per_u)

    def cancel_bolus(self) -> None:
        """Stop the bolus now; no error if there is none."""
        self._scpi.command("BOL:CANC")

    def prime(self, volume_ul: float) -> None:
        """Start a prime of `volume_ul` in µL; only when nothing else is delivered."""
        self._scpi.command(f"PRIM {self._u(volume_ul)}")

    def suspend(self) -> None:
        """Stop basal and bolus for the time being, settings kept."""
        self._scpi.command("DEL:SUSP")

    def resume(self) -> None:
        """Start again what was suspended."""
        self._scpi.command("DEL:RES")

    # -- what it counts

    def delivered_ul(self) -> float:
        """Ask for the total delivered volume in µL, prime included, as the pump counts it."""
        return self._scpi.ask_number("DEL:VOL?") * self._ul_per_u

    def reservoir_ul(self) -> float:
        """Ask for the remaining volume in the reservoir in µL."""
        return self._scpi.ask_number("RES:VOL?") * self._ul_per_u

    def reservoir_filled(self, volume_ul: float) -> None:
        """Set the remaining volume to what a new reservoir holds, in µL; only when nothing is delivered."""
        self._scpi.command(f"RES:FILL {self._u(volume_ul)}")

    def battery_pct(self) -> float:
        """Ask for the battery's charge in percent."""
        return self._scpi.ask_number("BATT:LEV?")

    # -- alarms and watchdog

    def pump_time_s(self) -> float:
        """Ask for the pump's own clock in s."""
        return self._scpi.ask_number("SYST:TIME?")

    def take_alarms(self) -> list[Alarm]:
        """Read every alarm that has not been taken yet out of the pump's queue, oldest first."""
        # Taking empties the pump's queue: what was taken before an error is kept for the next call.
        taken = self._untaken
        for _ in range(_ALARM_LIMIT):
            alarm = self._next_alarm()
            if alarm is None:
                break
            taken.append(alarm)
        self._untaken = []
        return taken

    def acknowledge_alarms(self) -> None:
        """Set every active alarm acknowledged; delivery stays stopped until it is started again."""
        self._scpi.command("ALAR:ACKN")

    def set_occlusion_level(self, level: OcclusionLevel) -> None:
        """Set the threshold of the occlusion alarm (`ALAR:OCCL:LEV`)."""
        self._scpi.command(f"ALAR:OCCL:LEV {_LEVELS[level]}")

    def occlusion_level(self) -> OcclusionLevel:
        """Ask for the threshold of the occlusion alarm (`ALAR:OCCL:LEV?`)."""
        text, _ = self._scpi.ask("ALAR:OCCL:LEV?")
        for level, word in _LEVELS.items():
            if text.upper() == word:
                return level
        raise self._scpi.garbled("no level of the occlusion alarm", "ALAR:OCCL:LEV?", text.encode())

    def arm_watchdog(self, timeout_s: float) -> None:
        """Set the pump to stop delivery when no command comes for `timeout_s` (1 to 3600 s)."""
        self._scpi.command(f"SYST:WATC {_number(timeout_s)}")

    def disarm_watchdog(self) -> None:
        """Set the pump to go on without a host."""
        self._scpi.command("SYST:WATC 0")

    def _next_alarm(self) -> Alarm | None:
        text, arrived_s = self._scpi.ask("ALAR:NEXT?")
        parts = [part.strip() for part in text.split(",", 3)]
        if len(parts) != 4 or not parts[0].isdecimal() or not parts[2].isalnum() or not _is_quoted(parts[3]):
            raise self._scpi.garbled("no alarm", "ALAR:NEXT?", text.encode())
        pump_time_s = self._scpi.number(parts[1], "ALAR:NEXT?")
        if parts[2].upper() == "NONE":
            return None
        return Alarm(int(parts[0]), parts[2].upper(), parts[3][1:-1], pump_time_s, arrived_s)

    def _u(self, volume_ul: float) -> str:
        """Return µL (or µL/h) as the bridge's U, without the dust of binary fractions."""
        return _number(volume_ul / self._ul_per_u)


def _number(value: float) -> str:
    return f"{value:.9g}"


def _is_quoted(text: str) -> bool:
    return len(text) >= 2 and text[0] == text[-1] == '"'


def _pump(link: Link, _options: Options) -> ScpiInsulinPump:
    return ScpiInsulinPump(link)


open_pump = opener("pump", _pump, plain_line)

DRIVER = DriverEntry(
    name="scpi_insulin_pump",
    role="pump",
    instrument=ScpiInsulinPump,
    factory=open_pump,
    probes=(scpi_probe(confirm=(b"SYST:BRID?\n", rb"(?:\A|\n)1\.\d+\r?\n"), baudrates=(115200, 9600)),),
    Options=Options,
    summary="insulin pumps behind a bridge that speaks docs/pump-bridge.md",
)
