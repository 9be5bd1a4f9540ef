"""What can be wrong with a file of readings from other software."""

from __future__ import annotations

from pathlib import Path

from bench.recording.errors import RecordingError


class ImportedFileError(RecordingError):
    """A file of readings cannot be taken as a recording.

    Args:
        path: the file.
        cause: what is wrong, in words.
        way_out: what to do about it.
        line: where, counted from 1; None where it concerns the whole file.

    """

    def __init__(self, path: Path, cause: str, way_out: str, line: int | None = None) -> None:
        super().__init__(path, cause, way_out)
        self.line = line
        where = f"{path}, line {line}" if line is not None else f"{path}"
        self.args = (f"{where}: {cause}. {way_out}",)
