"""`pumpbench discover`: what is connected, and the rig lines for it."""

from __future__ import annotations

import argparse
import math
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.cli.arguments import Commands
    from bench.rig.discover import Found


_SHOWN_BYTES = 40


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    discover = commands.add_parser(
        "discover",
        help="find instruments at serial ports and VISA resources, and print rig lines for them",
        description="Opens each serial port and VISA resource and asks who is there: read-only questions for the"
        " identity, each line setting of the known drivers in turn, the usual ones first, a second a port. Opening a"
        " port may reset a device that listens to DTR, an empty line acknowledges the alarm of some pumps and stops"
        " some others, and a question may confuse one that is no instrument: name those by --skip.",
    )
    discover.add_argument(
        "--port", action="append", default=[], metavar="PORT", help="look here only: a device, a URL or a VISA resource"
    )
    discover.add_argument(
        "--skip", action="append", default=[], metavar="PORT", help="never open this one, by whichever of its names"
    )
    discover.add_argument("--visa", default="@py", metavar="LIBRARY", help="VISA library (default: %(default)s)")
    discover.add_argument("--no-visa", action="store_true", help="look at serial ports only")
    discover.add_argument(
        "--seconds", type=_seconds, default=1.0, help="for how long a port is asked (default: %(default)g)"
    )
    discover.set_defaults(command=_discover)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0.1 <= seconds <= 60.0:
        raise argparse.ArgumentTypeError(f"{text}: 0.1 to 60")
    return seconds


def _discover(options: argparse.Namespace) -> int:
    from bench.clock import RealClock
    from bench.rig.discover import RigLines, look, places

    where = places(options.port, [] if options.no_visa else [options.visa])
    if not where:
        print("There is no serial port and no VISA resource here.")
        return 1
    lines = RigLines(visa_library=options.visa)
    answers = look(
        where,
        options.skip,
        RealClock(),
        visa_library=options.visa,
        limit_s=options.seconds,
        progress=lambda place: print(f"{place.address} …", file=sys.stderr, flush=True),
    )
    for found in answers:
        for row in told(found, options.seconds):
            print(row, flush=True)
        lines.add(found)
    if not lines.instruments:
        print("Nothing that a driver here knows.")
        return 1
    print("\n# for a rig file:")
    print(lines.text(), end="")
    return 0


def told(found: Found, seconds: float = 1.0) -> list[str]:
    """Return what came of looking at one place for so many seconds, for people."""
    from drivers.registry import driver

    place, answered = found.place, found.answered
    rows = [place.address + (f"  [{place.told}]" if place.told else "")]
    if found.skipped:
        return [*rows, "  skipped"]
    if found.problem:
        return [*rows, f"  cannot be asked: {found.problem}"]
    if answered is None:
        return [*rows, "  no answer that a driver knows", *_left(found, seconds)]
    if answered.is_echo:
        return [*rows, "  nobody but an echo: a loop, or an adapter that hears itself", *_left(found, seconds)]
    said = answered.said
    who = " ".join(filter(None, (said.get("maker", ""), said.get("model", ""))))
    serial = f"serial number {said['serial']}" if said.get("serial") else ""
    firmware = f"firmware {said['firmware']}" if said.get("firmware") else ""
    names = ", ".join(filter(None, (who, serial, firmware)))
    if answered.driver is None:
        who = f"answers as {names}" if names else f"answers {_shown(answered.seen)} at {answered.line}"
        return [*rows, f"  {who}: no driver here knows it", *_left(found, seconds)]
    entry = driver(answered.driver)
    alarm = [f"  told a pending alarm, {said['alarm']}, which asking acknowledged"] if said.get("alarm") else []
    return [
        *rows,
        f"  {entry.role}: {names} ({entry.name}: {entry.summary})",
        f"  line {answered.line}, answer after {1e3 * answered.took_s:.0f} ms",
        *alarm,
    ]


def _left(found: Found, seconds: float) -> list[str]:
    """Return what was left unasked for want of time, and the way out."""
    if not found.whole_s:
        return []
    way_out = f"--seconds {max(3, math.ceil(found.whole_s), math.ceil(2 * seconds)):d}"
    if found.not_asked:
        return [f"  not asked within {seconds:g} s: {', '.join(found.not_asked)} ({way_out} asks all)"]
    return [f"  each driver's question was asked at its usual line setting only ({way_out} tries the others)"]


def _shown(seen: bytes) -> str:
    return repr(seen[:_SHOWN_BYTES])[1:] + ("…" if len(seen) > _SHOWN_BYTES else "")
