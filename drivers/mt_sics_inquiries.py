"""What an MT-SICS balance is asked about itself, each within an exchange (pages of manual 11781363)."""

from __future__ import annotations

from drivers.errors import GarbledReplyError, NoReplyError, RefusedError
from drivers.mt_sics import (
    ADVICE_BAUD,
    host_unit,
    parse_capacity,
    parse_listed,
    parse_mass,
    parse_number,
    parse_step,
    parse_text,
)
from drivers.mt_sics_talk import MtSicsTalk
from drivers.roles import Identity, WeighingRange


class Abilities:
    """What a balance can do, by its own list (`I0`, p.85); asked once, when it first matters."""

    def __init__(self, talk: MtSicsTalk) -> None:
        self._talk = talk
        self.known: frozenset[str] | None = None
        """What it told; empty if it does not tell, None if it was not asked yet."""

    def listed(self) -> frozenset[str]:
        """Return its commands; empty if it does not tell."""
        if self.known is None:
            try:
                self.known = parse_listed(self._talk.block("I0"))
            except RefusedError as error:
                if error.seen != b"ES":
                    return frozenset()  # busy: another time
                self.known = frozenset()
        return self.known

    def lacks(self, command: str) -> bool:
        """Tell whether the list is known to be without `command`."""
        listed = self.listed()
        return bool(listed) and command not in listed

    def need(self, command: str) -> None:
        """Refuse what the balance cannot do.

        Raises:
            RefusedError: its list is without `command`.

        """
        if self.lacks(command):
            raise RefusedError(
                self._talk.link.name,
                f"has no command {command}, by its own list (I0)",
                advice="Another model has it, or another version of its software.",
            )


def ask_identity(talk: MtSicsTalk) -> Identity:
    """Ask type (`I2`), software (`I3`) and serial number (`I4`)."""
    model, firmware, serial_number = (ask_text(talk, command) for command in ("I2", "I3", "I4"))
    if not serial_number:
        raise GarbledReplyError(talk.link.name, "tells no serial number", sent=b"I4", advice=ADVICE_BAUD)
    return Identity("Mettler Toledo", _model(model), serial_number, firmware.split(" ")[0])


def ask_text(talk: MtSicsTalk, command: str) -> str:
    """Ask for quoted texts; empty where the balance refuses, since not every one has `I2` and `I3`."""
    try:
        return parse_text(talk.request(command).data)
    except RefusedError:
        return ""


def ask_range(talk: MtSicsTalk, abilities: Abilities) -> WeighingRange:
    """Ask for maximum and its last digit (`I2`, p.87), and for the step of the weights where that is told (`SIS`)."""
    maximum_g, readability_g = parse_capacity(ask_text(talk, "I2"))
    if "SIS" in abilities.listed():
        step_g = parse_step(talk.request("SIS").data)
        readability_g = readability_g if step_g is None else step_g
    return WeighingRange(maximum_g, readability_g)


def ask_temperatures_c(talk: MtSicsTalk) -> tuple[float, ...]:
    """Ask the balance's own sensors for their temperatures in °C (`M28`, p.158)."""
    lines = talk.block("M28")
    words = [line.split() for line in lines if line != b"M28 A"]
    values = [parse_number(each[3]) if len(each) == 4 else None for each in words]
    temperatures_c = tuple(value for value in values if value is not None)
    if len(temperatures_c) < len(values):
        seen = b" / ".join(lines)
        raise GarbledReplyError(talk.link.name, "tells no temperatures", sent=b"M28", seen=seen, advice=ADVICE_BAUD)
    return temperatures_c


def ask_tare_g(talk: MtSicsTalk) -> float:
    """Ask for the tare in g (`TA`, p.226)."""
    line = talk.request("TA")
    words = line.data.split()
    tare_g = parse_mass(words[2:]) if words[1:2] == [b"A"] else None
    if tare_g is None:
        talk.fail("TA", line)
    return tare_g


def ask_rate_hz(talk: MtSicsTalk) -> float:
    """Ask for the rate of the stream in Hz (`UPD`, p.239)."""
    line = talk.request("UPD")
    words = line.data.split()
    rate_hz = parse_number(words[2]) if len(words) == 3 and words[1] == b"A" else None
    if rate_hz is None:
        talk.fail("UPD", line)
    return rate_hz


def set_rate_hz(talk: MtSicsTalk, rate_hz: float) -> float:
    """Set the rate of the stream to the nearest that the balance has, and return that; it keeps it for good."""
    now_hz = ask_rate_hz(talk)
    if abs(now_hz - rate_hz) < 1e-3 * rate_hz:
        return now_hz
    line = talk.request(f"UPD {rate_hz:g}")
    if line.data != b"UPD A":
        talk.fail("UPD", line)
    return ask_rate_hz(talk)


def weigh_in_g(talk: MtSicsTalk) -> None:
    """Have weights sent in g (`M21`, p.152), where that can be set; where not, their lines tell the unit."""
    try:
        with talk.exchange():
            if host_unit(talk.block("M21")) not in (None, "0", "g"):
                talk.request("M21 0 0")
    except (RefusedError, NoReplyError):
        return


def _model(text: str) -> str:
    """Strip the capacity from I2's text: `XS204 Excellence 220.0090 g` is an `XS204 Excellence`."""
    words = text.split()
    if len(words) > 2 and words[-2].replace(".", "", 1).isdigit():
        words = words[:-2]
    return " ".join(words)
