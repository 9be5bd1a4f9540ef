"""What is connected to this machine: ports and VISA resources, who answers there, and the rig lines for it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bench.clock import Clock
from bench.rig.load import instrument_model
from drivers.asking import LIMIT_S, Answered, PortError, ask_port, ask_visa
from drivers.link import is_visa
from drivers.probe import Probes
from drivers.registry import all_drivers, driver

BY_ID, BY_PATH = Path("/dev/serial/by-id"), Path("/dev/serial/by-path")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an instrument may be: its lasting address, all other names of the same port, and what USB tells of it."""

    address: str
    aliases: frozenset[str] = frozenset()
    told: str = ""
    vendor: int | None = None
    product: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What came of looking at one place: who answers, or why nobody could be asked (`problem`)."""

    place: Place
    answered: Answered | None = None
    problem: str = ""
    skipped: bool = False
    not_asked: tuple[str, ...] = ()
    whole_s: float = 0.0
    """How long it takes to ask everything at every line setting; 0 where nothing is left to be asked."""


def places(named: Sequence[str], visa_libraries: Sequence[str]) -> list[Place]:
    """Return where to look: the places that are named, or else every serial port and VISA resource that there is."""
    if named:
        return [_named(each) for each in named]
    return [*serial_ports(), *(place for library in visa_libraries for place in visa_resources(library))]


def _named(address: str) -> Place:
    if "://" in address or is_visa(address):
        return Place(address)
    real = Path(address).resolve()
    for port in serial_ports():
        if str(real) in {port.address, *port.aliases}:
            return Place(address, port.aliases | {port.address, str(real)}, port.told, port.vendor, port.product)
    return Place(address, frozenset({str(real)}))


def serial_ports() -> list[Place]:
    """Return the serial ports of this machine by the names that they keep, with what USB tells of each."""
    from serial.tools import list_ports

    found = []
    for port in sorted(list_ports.comports()):
        real = str(Path(port.device).resolve())
        names = [str(link) for folder in (BY_ID, BY_PATH) for link in _links_to(real, folder)]
        usb = f"{port.vid:04x}:{port.pid:04x}" if port.vid is not None and port.pid is not None else ""
        serial_number = f"serial number {port.serial_number}" if port.serial_number else ""
        words = [port.manufacturer or "", port.product or port.description or "", usb, serial_number]
        told = ", ".join(word for word in words if word and word != "n/a")
        aliases = frozenset({port.device, real, *names})
        found.append(Place(names[0] if names else port.device, aliases, told, port.vid, port.pid))
    return found


def _links_to(real: str, folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (link for link in sorted(folder.iterdir()) if str(link.resolve()) == real)


def visa_resources(library: str) -> list[Place]:
    """Return the VISA resources that a library lists, but for serial lines, which are ports already."""
    import pyvisa

    try:
        with warnings.catch_warnings():
            # pyvisa-py warns of what it could list with more packages installed.
            warnings.simplefilter("ignore")
            manager = pyvisa.ResourceManager(library)
            listed = manager.list_resources("?*")
    except (pyvisa.Error, OSError, ValueError):
        return []
    kinds = ("::INSTR", "::SOCKET")
    return [
        Place(name) for name in sorted(listed) if name.upper().endswith(kinds) and not name.upper().startswith("ASRL")
    ]


def look(
    where: Sequence[Place],
    skip: Sequence[str],
    clock: Clock,
    *,
    visa_library: str = "@py",
    limit_s: float = LIMIT_S,
    progress: Callable[[Place], object] = lambda _: None,
) -> Iterator[Found]:
    """Look at each place for `limit_s` at most, and never at one that is to be skipped, by whichever name.

    Args:
        where: the places.
        skip: addresses, or names of their ports, that are not even opened.
        clock: a clock.
        visa_library: for VISA resources.
        limit_s: how long each is asked.
        progress: told each place before it is asked.

    """
    probes = probes_of_all()
    left_alone = {*skip, *(str(Path(each).resolve()) for each in skip if "://" not in each and not is_visa(each))}
    for place in where:
        if left_alone & {place.address, *place.aliases}:
            yield Found(place, skipped=True)
            continue
        progress(place)
        try:
            if is_visa(place.address):
                asked = ask_visa(place.address, probes, clock, visa_library=visa_library, limit_s=limit_s)
            else:
                usb = (place.vendor, place.product)
                asked = ask_port(place.address, probes, clock, limit_s=limit_s, usb=usb)
        except PortError as error:
            yield Found(place, problem=str(error))
        else:
            yield Found(place, asked.answered, not_asked=asked.not_asked, whole_s=asked.whole_s)


def probes_of_all() -> Probes:
    """Return the probes of every driver that has some."""
    return {name: entry.probes for name, entry in all_drivers().items() if entry.probes}


@dataclass(slots=True)
class RigLines:
    """The instruments of a rig file, made of what was found.

    `unsure` has what each instrument needs and nobody at a port can tell: filled with an example, to be corrected.
    """

    instruments: dict[str, dict[str, Any]] = field(default_factory=dict)
    unsure: dict[str, list[str]] = field(default_factory=dict)
    visa_library: str = "@py"
    more: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Others of a role that has one already."""

    def add(self, found: Found) -> None:
        """Add an instrument that a driver knows."""
        answered = found.answered
        if answered is None or answered.driver is None:
            return
        entry = driver(answered.driver)
        lines: dict[str, Any] = {"driver": entry.name, "address": found.place.address}
        if is_visa(found.place.address):
            lines |= {} if self.visa_library == "@py" else {"visa": self.visa_library}
        elif answered.probe is not None:
            lines |= _unusual(entry.Options, answered.probe.keys(answered.line))
        if answered.said.get("serial", "0") != "0":  # which stands for none where IEEE 488.2 is spoken
            lines["serial_number"] = answered.said["serial"]
        missing = _examples(instrument_model(entry.role, entry), lines)
        if entry.role in self.instruments:
            self.more.append((entry.role, {**lines, **missing}))
            return
        self.instruments[entry.role] = {**lines, **missing}
        self.unsure[entry.role] = list(missing)

    def text(self) -> str:
        """Return the lines as YAML, what is to be corrected marked as such."""
        rows = ["instruments:"]
        for role, lines in self.instruments.items():
            rows += [f"  {role}:", *self._rows(role, lines)]
        for role, lines in self.more:
            rows += [f"  # another {role}:", *(f"  # {row.strip()}" for row in self._rows("", lines))]
        return "\n".join(rows) + "\n"

    def _rows(self, role: str, lines: Mapping[str, Any]) -> Iterator[str]:
        for key, value in lines.items():
            written = yaml.safe_dump({key: value}, allow_unicode=True, width=1000).strip()
            yield f"    {written}{' # CORRECT THIS' if key in self.unsure.get(role, []) else ''}"


def _unusual(options: Any, keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return those keys that differ from what the driver takes by itself."""
    return {key: value for key, value in keys.items() if options.model_fields[key].default != value}


def _examples(model: Any, have: Mapping[str, Any]) -> dict[str, Any]:
    """Return examples for the keys that a rig file must have and that are not there yet."""
    return {
        (each.alias or name): example if isinstance(example := (each.examples or ["?"])[0], int) else str(example)
        for name, each in model.model_fields.items()
        if each.is_required() and name not in have
    }
