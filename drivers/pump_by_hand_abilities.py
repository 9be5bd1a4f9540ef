"""What a pump that is programmed by hand may be able to do: its class is made of the parts that it has."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

from drivers.pump_by_hand import PumpByHand
from drivers.pump_label import clock_time, in_words
from drivers.roles import BolusStatus, DeliveryState, OcclusionLevel, OperatorAction

_LEVELS = {OcclusionLevel.LOW: 1, OcclusionLevel.MEDIUM: 2, OcclusionLevel.HIGH: 3}
_CLOCK_WITHIN = 0.01
"""How far a pump's own timing of hours may be off."""


class Basal(PumpByHand):
    """A pump with a basal rate."""

    def start_basal(self, rate_ul_per_h: float) -> None:
        """Set the basal rate and start it, or change it while it is delivered."""
        value, shown = self._label.basal.shown(rate_ul_per_h)
        self._program(OperatorAction.PROGRAM_BASAL, f"the basal rate to {shown}", (value, self._label.basal.unit))
        self._start(f"basal {shown}")
        self._basal = True


class Bolus(PumpByHand):
    """A pump with a normal bolus."""

    def start_bolus(self, volume_ul: float) -> None:
        """Start a bolus; it goes on by itself, at the speed of the label."""
        value, shown = self._label.bolus.shown(volume_ul)
        self._program(OperatorAction.PROGRAM_BOLUS, f"a bolus of {shown}", (value, self._label.bolus.unit))
        self._start(f"the bolus of {shown}")
        self._programmed_ul = volume_ul
        self._under_way(DeliveryState.BOLUS, self._label.bolus_speed.lasting_s(volume_ul))

    def bolus_status(self) -> BolusStatus:
        """Ask nobody: whether a bolus is under way by the label's speed; what was delivered is not known."""
        return self._bolus_status()

    def cancel_bolus(self) -> None:
        """Stop the bolus, by the operator; nobody is asked where none is under way."""
        if self._bolus_status().active:
            self._press(OperatorAction.CANCEL_BOLUS, "Cancel the bolus on the pump NOW")
            self._course = None


class ExtendedBolus(Bolus):
    """A pump with square-wave and dual-wave boluses."""

    def start_extended_bolus(self, now_ul: float, extended_ul: float, duration_s: float) -> None:
        """Start a bolus of which a part comes at once and the rest spread over a time."""
        bolus = self._label.bolus
        spread, spread_shown = bolus.shown(extended_ul)
        now, now_shown = bolus.shown(now_ul) if now_ul > 0.0 else (0.0, "")
        what = f"{spread_shown} spread over {in_words(duration_s)}"
        what = f"a bolus of {now_shown} at once and {what}" if now_ul > 0.0 else f"a bolus of {what}"
        amounts = ((now, bolus.unit), (spread, bolus.unit), (duration_s, "s"))
        self._program(OperatorAction.PROGRAM_EXTENDED_BOLUS, what, *amounts)
        self._start("this bolus")
        self._programmed_ul = now_ul + extended_ul
        least_s, most_s = self._label.bolus_speed.lasting_s(now_ul) if now_ul > 0.0 else (0.0, 0.0)
        spread_s = ((1.0 - _CLOCK_WITHIN) * duration_s, (1.0 + _CLOCK_WITHIN) * duration_s)
        # The last step of what is spread may come a step's time before its end.
        step_s = duration_s * min(1.0, self._label.bolus_speed.step_ul / extended_ul)
        self._under_way(DeliveryState.BOLUS, (least_s + max(0.0, spread_s[0] - step_s), most_s + spread_s[1]))


class TemporaryBasal(PumpByHand):
    """A pump whose basal rate can be changed for a time."""

    def start_temporary_basal(self, percent: float, duration_s: float) -> None:
        """Start a percentage of the basal rate for a time."""
        what = f"a temporary basal rate of {percent:g} % for {in_words(duration_s)}"
        self._program(OperatorAction.PROGRAM_TEMPORARY_PERCENT, what, (percent, "%"), (duration_s, "s"))
        self._start("the temporary rate")

    def start_temporary_rate(self, rate_ul_per_h: float, duration_s: float) -> None:
        """Start another rate than the basal one for a time."""
        value, shown = self._label.basal.shown(rate_ul_per_h)
        what = f"a temporary basal rate of {shown} for {in_words(duration_s)}"
        amounts = ((value, self._label.basal.unit), (duration_s, "s"))
        self._program(OperatorAction.PROGRAM_TEMPORARY_RATE, what, *amounts)
        self._start("the temporary rate")

    def cancel_temporary_basal(self) -> None:
        """Stop the temporary rate, by the operator."""
        self._press(OperatorAction.CANCEL_TEMPORARY, "Cancel the temporary basal rate on the pump NOW")


class Profile(PumpByHand):
    """A pump with a daily profile."""

    def start_profile(self, segments: Sequence[tuple[float, float]]) -> None:
        """Start a profile, whose first segment begins when it is started."""
        amounts, listed = [], []
        for start_s, rate_ul_per_h in segments:
            value, shown = self._label.basal.shown(rate_ul_per_h)
            amounts += [(start_s, "s"), (value, self._label.basal.unit)]
            listed.append(f"{shown} from {clock_time(start_s)}")
        what = f"the pump's clock to 0:00 and a basal profile of {', '.join(listed)}"
        self._program(OperatorAction.PROGRAM_PROFILE, what, *amounts)
        self._start("the profile, with the pump's clock at 0:00")
        self._basal = True


class Suspend(PumpByHand):
    """A pump that can be suspended."""

    def suspend(self) -> None:
        """Stop all delivery for the time being, by the operator."""
        done = self._press(OperatorAction.SUSPEND_PUMP, "Suspend delivery on the pump NOW")
        if self._course is not None and done.latest_s >= self._course.latest_s:
            self._course = None
        self._suspended = done

    def resume(self) -> None:
        """Start again what was suspended, by the operator."""
        since = self._suspended
        done = self._press(OperatorAction.RESUME_PUMP, "Resume delivery on the pump NOW")
        if since is not None and self._course is not None:
            self._course.earliest_s += done.earliest_s - since.latest_s
            self._course.latest_s += done.latest_s - since.earliest_s
        self._suspended = None


class Prime(PumpByHand):
    """A pump that primes its tubing."""

    def prime(self, volume_ul: float) -> None:
        """Start a prime; it goes on by itself, at the speed of the label."""
        value, shown = self._label.bolus.shown(volume_ul)
        self._program(OperatorAction.PROGRAM_PRIME, f"a prime of {shown}", (value, self._label.bolus.unit))
        self._start(f"the prime of {shown}")
        self._under_way(DeliveryState.PRIMING, self._label.prime_speed.lasting_s(volume_ul))


class Levels(PumpByHand):
    """A pump whose occlusion alarm has a choice of thresholds."""

    _level = OcclusionLevel.MEDIUM

    def set_occlusion_level(self, level: OcclusionLevel) -> None:
        """Set the threshold of the occlusion alarm, by the operator."""
        words = f"Set the threshold of the pump's occlusion alarm to {level.value}"
        self._ask(OperatorAction.SET_OCCLUSION_LEVEL, words, float(_LEVELS[level]))
        self._level = level

    def occlusion_level(self) -> OcclusionLevel:
        """Ask nobody: the level that was set last; medium, as pumps come, before."""
        return self._level


class Reservoir(PumpByHand):
    """A pump that is told what its reservoir holds."""

    def reservoir_filled(self, volume_ul: float) -> None:
        """Set what the new reservoir holds, by the operator."""
        value = volume_ul / self._label.bolus.ul
        words = f"Tell the pump that its reservoir holds {value:g} {self._label.bolus.unit}"
        self._ask(OperatorAction.TELL_RESERVOIR, words, value, self._label.bolus.unit)


ABILITIES: Mapping[str, type[PumpByHand]] = {
    "basal": Basal,
    "bolus": Bolus,
    "extended_bolus": ExtendedBolus,
    "temporary_basal": TemporaryBasal,
    "profile": Profile,
    "suspend": Suspend,
    "prime": Prime,
    "occlusion_level": Levels,
    "reservoir": Reservoir,
}


@functools.cache
def pump_that_can(abilities: frozenset[str]) -> type[PumpByHand]:
    """Return the class of a pump with some of `ABILITIES`."""
    parts = [ABILITIES[name] for name in ABILITIES if name in abilities]
    if "extended_bolus" in abilities and "bolus" in abilities:
        parts.remove(Bolus)  # it is part of the other
    return type("OperatorPump", tuple(parts) or (PumpByHand,), {"__doc__": "A pump that an operator programs by hand."})
