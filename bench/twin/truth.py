"""The truth file: what the twin really did. Only tests and the validation of the method open it.

JSON lines; the first is a header that says that all is simulated. `pulse` lines tell every motor pulse with the volume
that was meant, the volume that was metered and the pressure that it left in the line; `outflow` lines give the state of
the line from one event to the next, so the liquid in the vessel is known exactly at every instant.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.twin.plant import Segment

FORMAT = "pumpbench truth 1"


class TruthWriter:
    """Writes the truth as it comes; a writer without a path writes nothing."""

    def __init__(self, path: Path | None, **header: Any) -> None:
        self._file = None if path is None else path.open("w", encoding="utf-8")
        self._write({"kind": "header", "format": FORMAT, "simulated": True, **header})

    def pulse(self, time_s: float, stream: str, commanded_ul: float, volume_ul: float, pressure_kpa: float) -> None:
        """Note a motor pulse of a stream (`basal`, `bolus`, `prime`), and the line's pressure just after it."""
        self._write(
            {
                "time_s": time_s,
                "kind": "pulse",
                "stream": stream,
                "commanded_ul": commanded_ul,
                "volume_ul": volume_ul,
                "pressure_kpa": pressure_kpa,
            }
        )

    def outflow(self, segment: Segment) -> None:
        """Note how the line empties from now on."""
        time_s, volume_ul, *rest = segment
        names = Segment._fields[2:]
        self._write(
            {"time_s": time_s, "kind": "outflow", "volume_ul": volume_ul, **dict(zip(names, rest, strict=True))}
        )

    def note(self, time_s: float, kind: str, **data: Any) -> None:
        """Note anything else, such as an alarm or a moved clamp."""
        self._write({"time_s": time_s, "kind": kind, **data})

    def close(self) -> None:
        """End the file; safe to call twice."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> TruthWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, line: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(line) + "\n")


@dataclass(frozen=True)
class Truth:
    """What a truth file holds."""

    header: dict[str, Any]
    pulse_time_s: npt.NDArray[np.float64]
    pulse_commanded_ul: npt.NDArray[np.float64]
    pulse_volume_ul: npt.NDArray[np.float64]
    pulse_pressure_kpa: npt.NDArray[np.float64]
    pulse_stream: list[str]
    segments: list[Segment]
    notes: list[dict[str, Any]]

    def delivered_ul(self, time_s: float) -> float:
        """Return the liquid that the pump had brought into the vessel by an instant, in µL."""
        index = bisect_right(self.segments, time_s, key=lambda segment: segment.start_s) - 1
        return self.segments[index].volume_at(time_s) if index >= 0 else 0.0

    def metered_ul(self, start_s: float, end_s: float, stream: str | None = None) -> float:
        """Return what the pump metered in (start, end], in µL, of one stream or of all."""
        chosen = (self.pulse_time_s > start_s) & (self.pulse_time_s <= end_s)
        if stream is not None:
            chosen &= np.array([each == stream for each in self.pulse_stream], dtype=bool)
        return float(self.pulse_volume_ul[chosen].sum())


def read_truth(path: Path) -> Truth:
    """Read a truth file.

    Raises:
        ValueError: the file is no truth file.

    """
    with path.open(encoding="utf-8") as file:
        header, *lines = [json.loads(line) for line in file]
    if header.get("format") != FORMAT:
        raise ValueError(f"{path} is no truth file: its first line is {header!r}")
    pulses = [line for line in lines if line["kind"] == "pulse"]
    outflows = [line for line in lines if line["kind"] == "outflow"]
    return Truth(
        header,
        np.array([pulse["time_s"] for pulse in pulses], dtype=np.float64),
        np.array([pulse["commanded_ul"] for pulse in pulses], dtype=np.float64),
        np.array([pulse["volume_ul"] for pulse in pulses], dtype=np.float64),
        np.array([pulse["pressure_kpa"] for pulse in pulses], dtype=np.float64),
        [pulse["stream"] for pulse in pulses],
        [Segment(line["time_s"], *(line[name] for name in Segment._fields[1:])) for line in outflows],
        [line for line in lines if line["kind"] not in ("pulse", "outflow")],
    )
