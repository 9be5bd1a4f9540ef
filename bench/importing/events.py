"""What the pump did, in the words of a file's event column, as the events that a driven run would have recorded."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from bench.importing.errors import ImportedFileError
from bench.importing.table import Table, Word
from bench.recording.reader import Event

WORDS: Mapping[str, str] = {
    "blank started": "nothing is delivered from here on: evaporation and noise are taken from this stretch",
    "blank ended": "the stretch ends",
    "basal commanded": "the basal rate of the settings was started",
    "basal stopped": "the pump was stopped",
    "bolus N": "bolus number N was commanded, of the settings' volume (`bolus`: the next one)",
    "bolus N done": "the pump said that bolus N was done (`bolus done`: the last one)",
    "occluder closed": "the line was shut",
    "occluder opened": "the line was opened",
    "alarm CODE": "the pump raised an alarm, such as `alarm OCCLUSION`",
    "no alarm": "the wait for the alarm was given up",
    "test started": "what comes before is no part of the test",
    "test ended": "what comes after is no part of the test",
}
"""The words of an event column and what they mean; any other event is written with its data as JSON behind it."""

_BOLUS = re.compile(r"bolus(?:\s+(?P<index>\d+))?(?:\s+(?P<what>commanded|done))?\Z")
_ALARM = re.compile(r"alarm\s+(?P<code>\S+)(?:\s+(?P<text>.*))?\Z", re.IGNORECASE)
_WITH_DATA = re.compile(r"(?P<kind>[a-z][a-z ]*?)\s*(?P<data>\{.*\})\Z", re.DOTALL)
_PLAIN = tuple(word for word in WORDS if word.islower())
_MOST_REMARKS = 3


def events_of(table: Table, words: Mapping[str, str]) -> list[Event]:
    """Return the events of a file's event column in their order, without what only the settings know.

    Args:
        table: what was read; words that mean nothing to the bench are noted in it.
        words: the file's own words, and which of the bench's each stands for.

    Raises:
        ImportedFileError: a word is nearly one of the bench's, or its data are no JSON.

    """
    reading = _Reading(table)
    own = {key.strip().casefold(): value for key, value in words.items()}
    before = Word(0.0, "", -1)
    for word in table.words:
        # A logger may repeat its state in every row; what happened is its change.
        if word.text != before.text or word.line != before.line + 1 or word.text.endswith("}"):
            reading.take(word, own.get(word.text.casefold(), word.text))
        before = word
    if reading.remarks:
        listed = "; ".join(f"{each.text[:60]!r} (line {each.line})" for each in reading.remarks[:_MOST_REMARKS])
        more = len(reading.remarks) - _MOST_REMARKS
        rest = f" and {more} more" if more > 0 else ""
        table.notes.append(f"Words of the event column that mean nothing to the bench: {listed}{rest}.")
    return reading.events


def with_settings(events: Sequence[Event], rate_ul_per_h: float | None, bolus_ul: float | None) -> list[Event]:
    """Return events with the rate and the bolus volume of the settings where the file does not tell them.

    Raises:
        ValueError: there is an event that needs one, and the settings have none.

    """
    known = {"basal commanded": ("rate_ul_per_h", rate_ul_per_h), "bolus commanded": ("volume_ul", bolus_ul)}
    filled = []
    for event in events:
        name, value = known.get(event.kind, ("", None))
        if not name or name in event.data:
            filled.append(event)
        elif value is None:
            raise ValueError(
                f"event {event.kind!r} at {event.time_s:.10g} s needs a {name}, and the settings have none"
            )
        else:
            filled.append(Event(event.time_s, event.kind, {name: value, **event.data}))
    return filled


class _Reading:
    """Goes through the words of a file once."""

    def __init__(self, table: Table) -> None:
        self.events: list[Event] = []
        self.remarks: list[Word] = []
        self._table = table
        self._bolus = 0

    def take(self, word: Word, text: str) -> None:
        """Add the event that a word means."""
        exact = _WITH_DATA.match(text)
        lowered = " ".join(text.casefold().split())
        if exact:
            self._add(word, exact["kind"], self._data(word, exact["data"]))
        elif lowered in _PLAIN:
            self._add(word, lowered, {})
        elif bolus := _BOLUS.match(lowered):
            done = bolus["what"] == "done"
            index = int(bolus["index"]) if bolus["index"] else self._bolus + (0 if done else 1)
            self._bolus = index
            self._add(word, "bolus done" if done else "bolus commanded", {"index": index})
        elif alarm := _ALARM.match(text):
            self._add(word, "alarm seen", {"code": alarm["code"].upper(), "text": alarm["text"] or ""})
        else:
            near = difflib.get_close_matches(lowered, [*_PLAIN, "bolus done", "bolus commanded", "alarm"], 1, 0.8)
            if near:
                raise ImportedFileError(
                    self._table.path,
                    f"event {word.text[:60]!r} is none; {near[0]!r} is",
                    "Correct it, or say what it means: --event 'YOUR WORD=" + near[0] + "'",
                    word.line,
                )
            self.remarks.append(word)
            self.events.append(Event(word.time_s, "remark", {"text": word.text}))

    def _data(self, word: Word, text: str) -> dict[str, Any]:
        try:
            data: dict[str, Any] = json.loads(text)
        except ValueError as error:
            raise ImportedFileError(
                self._table.path, f"the event's data are no JSON ({error})", "Correct or remove them", word.line
            ) from None
        return data

    def _add(self, word: Word, kind: str, data: dict[str, Any]) -> None:
        time_s = word.time_s
        if kind in _SENT:
            data = {"sent_s": time_s, "acknowledged_s": time_s, **data}
        elif kind == "alarm seen":
            data = {"time_s": time_s, "pump_time_s": time_s, **data}
        self.events.append(Event(time_s, kind, data))


_SENT = frozenset({"basal commanded", "basal stopped", "bolus commanded", "occluder closed", "occluder opened"})
