"""What can be wrong with a recording."""

from __future__ import annotations

from pathlib import Path


class RecordingError(Exception):
    """A recording cannot be written, read or trusted.

    Args:
        path: the recording.
        cause: what is wrong, in words.
        way_out: what to do about it.

    """

    def __init__(self, path: Path, cause: str, way_out: str = "") -> None:
        self.path = path
        self.cause = cause
        self.way_out = way_out
        super().__init__(f"recording {path}: {cause}" + (f". {way_out}" if way_out else ""))
