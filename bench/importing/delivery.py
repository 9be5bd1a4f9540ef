"""What a file does not say of the delivery: from options, or assumed, which is noted and widens the result."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from bench.importing.assumed import assumed_basal
from bench.importing.errors import ImportedFileError
from bench.importing.table import Table
from bench.quantities import QuantityError, parse_quantity
from bench.recording.reader import Event

SHORTEST_BLANK_S = 120.0
"""Less than so long before a start or after a stop tells nothing of evaporation."""
RELEASE_S = 600.0
"""What a line gives back once it is opened takes no longer, as in a driven test; none of that is a blank."""
COMMANDS = frozenset({"basal commanded", "bolus commanded"})


@dataclass(frozen=True, slots=True)
class Instants:
    """What options tell of the delivery: times as the file counts them (`30 min`) or as dates, where it has dates.

    `blanks` are pairs of begin and end; `boluses` the commands; `bolus_every` repeats the last of them until there are
    `bolus_count`.
    """

    start: str | None = None
    stop: str | None = None
    blanks: Sequence[tuple[str, str]] = ()
    no_blank: bool = False
    boluses: Sequence[str] = ()
    bolus_every: str | None = None
    bolus_count: int | None = None


def instant_s(table: Table, text: str) -> float:
    """Return the instant that an option names, in the seconds of the table.

    Raises:
        ImportedFileError: it is none, or lies outside the file.

    """
    plain = text.strip()
    try:
        time_s = parse_quantity(plain, "duration").to("s")
    except QuantityError as error:
        try:
            date = dt.datetime.fromisoformat(plain)
        except ValueError:
            raise ImportedFileError(
                table.path,
                f"{text!r} is no instant ({error})",
                "Write it as the file counts time, such as '30 min', or as a date such as 2026-03-01T08:00:00",
            ) from None
        if table.origin is None:
            raise ImportedFileError(
                table.path, f"{text!r} is a date, and the file's times are none", "Write it as '30 min'"
            ) from None
        time_s = ((date if date.tzinfo else date.replace(tzinfo=dt.UTC)) - table.origin).total_seconds()
    if not table.start_s <= time_s <= table.end_s:
        raise ImportedFileError(
            table.path,
            f"{text!r} lies outside the file, which goes from {table.start_s:.10g} s to {table.end_s:.10g} s",
            "Times count as in the file's time column",
        )
    return time_s


def delivered(table: Table, events: Sequence[Event], told: Instants, procedure: str) -> list[Event]:
    """Return the events with what options add and what must be assumed of a procedure, in the order of time.

    Raises:
        ImportedFileError: options and event column tell the same twice, or nobody tells when boluses were commanded.

    """
    kinds = {event.kind for event in events}
    added = [*_told_basal(table, kinds, told), *_told_boluses(table, kinds, told)]
    whole = [*events, *added]
    kinds |= {event.kind for event in added}
    if procedure == "basal":
        whole += assumed_basal(table, kinds)
    if procedure == "bolus" and "bolus commanded" not in kinds:
        raise ImportedFileError(
            table.path,
            "does not say when boluses were commanded",
            "Say it in an event column (`bolus 1`, `bolus 2` …), or by --bolus-at '10 min' --bolus-every '150 s'"
            " --count 25",
        )
    whole += _blanks(table, whole, told)
    return sorted(whole, key=lambda event: event.time_s)


def _told_basal(table: Table, kinds: set[str], told: Instants) -> list[Event]:
    found = []
    for text, kind, option in ((told.start, "basal commanded", "--start"), (told.stop, "basal stopped", "--stop")):
        if text is None:
            continue
        if kind in kinds:
            cause = f"says itself when {kind.replace('basal', 'basal was')}, and {option} says it, too"
            raise ImportedFileError(table.path, cause, f"Leave out {option}")
        time_s = instant_s(table, text)
        found.append(Event(time_s, kind, {"sent_s": time_s, "acknowledged_s": time_s}))
    if len(found) == 2 and found[0].time_s >= found[1].time_s:
        raise ImportedFileError(table.path, f"--stop {told.stop} is not after --start {told.start}", "Correct them")
    return found


def _told_boluses(table: Table, kinds: set[str], told: Instants) -> list[Event]:
    if not told.boluses:
        return []
    if "bolus commanded" in kinds:
        raise ImportedFileError(
            table.path, "says itself when boluses were commanded, and --bolus-at says it, too", "Leave out --bolus-at"
        )
    times = [instant_s(table, text) for text in told.boluses]
    if told.bolus_every is not None:
        try:
            every_s = parse_quantity(told.bolus_every, "duration").to("s")
        except QuantityError as error:
            raise ImportedFileError(table.path, f"--bolus-every: {error}", "Write it as '150 s'") from None
        count = told.bolus_count or 1 + int((table.end_s - times[-1]) / every_s)
        times += [times[-1] + every_s * number for number in range(1, count - len(times) + 1)]
    return [
        Event(time_s, "bolus commanded", {"index": index, "sent_s": time_s, "acknowledged_s": time_s})
        for index, time_s in enumerate(times, start=1)
    ]


def with_bolus_ends(table: Table, events: Sequence[Event], duration_s: float) -> list[Event]:
    """Return events in which every bolus has an end: where the file tells none, `duration_s` after its command."""
    ended = {int(event.data["index"]) for event in events if event.kind == "bolus done"}
    assumed = [
        Event(
            event.time_s + duration_s,
            "bolus done",
            {"index": event.data["index"], "active_s": event.time_s, "assumed": True},
        )
        for event in events
        if event.kind == "bolus commanded" and int(event.data["index"]) not in ended
    ]
    if assumed:
        table.notes.append(
            f"The file does not say when the pump was done with {len(assumed)} boluses: {duration_s:.3g} s after the"
            " command are assumed (--bolus-speed)."
        )
    return sorted([*events, *assumed], key=lambda event: event.time_s)


def _blanks(table: Table, events: Sequence[Event], told: Instants) -> list[Event]:
    """Return the blanks that options tell, or else the stretches before the first command and after the last stop."""
    if told.blanks:
        pairs = [(instant_s(table, begin), instant_s(table, end)) for begin, end in told.blanks]
        return [_blank(kind, time_s) for begin, end in pairs for kind, time_s in (("started", begin), ("ended", end))]
    if told.no_blank or any(event.kind == "blank started" for event in events):
        return []
    commands = [event for event in events if event.kind in COMMANDS]
    stops = [event for event in events if event.kind == "basal stopped"]
    found: list[Event] = []
    names = []
    if commands and all(map(_known, commands)):
        first_s = min(float(event.data["sent_s"]) for event in commands)
        if first_s - table.start_s >= SHORTEST_BLANK_S:
            found += [_blank("started", table.start_s), _blank("ended", first_s)]
            names.append("before the first command")
    if stops and all(map(_known, stops)):
        opened = [event.time_s + RELEASE_S for event in events if event.kind == "occluder opened"]
        last_s = max(*opened, *(event.time_s for event in stops), table.start_s)
        if table.end_s - last_s >= SHORTEST_BLANK_S:
            found += [_blank("started", last_s), _blank("ended", table.end_s)]
            names.append("after the stop" if last_s not in opened else "ten minutes after the line was opened")
    if names:
        table.notes.append(f"What was weighed {' and '.join(names)} is taken as a blank (--no-blank: it is none).")
    return found


def _known(event: Event) -> bool:
    """Return whether somebody tells when that was, or the readings show it."""
    return not event.data.get("assumed") or bool(event.data.get("seen"))


def _blank(kind: str, time_s: float) -> Event:
    return Event(time_s, f"blank {kind}", {})
