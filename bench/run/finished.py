"""Results of a finished run: as they were written, or anew from its recording."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from bench.procedures.base import Procedure
from bench.recording.errors import RecordingError
from bench.recording.reader import RecordingReader
from bench.results.model import RunResult
from bench.run.evaluate import evaluate_run
from bench.run.folder import RECORDING, RESULTS


def finished_run(folder: Path, procedures: Mapping[str, Procedure], *, anew: bool) -> RunResult:
    """Return a run's results: those of `results.json`, or from the recording where there are none or `anew` is set.

    Raises:
        RecordingError: there is no recording where one is needed, it was changed, or `results.json` cannot be read or
            is of another recording.

    """
    path = folder / RESULTS
    if anew or not path.exists():
        return evaluate_run(folder, procedures)
    try:
        run = RunResult.model_validate_json(path.read_bytes())
    except ValidationError as error:
        told = f"it is no results.json that this version understands ({error.error_count()} errors)"
        raise RecordingError(path, told, "Evaluate the recording again") from None
    if (folder / RECORDING).exists():
        with RecordingReader(folder / RECORDING) as recording:
            if recording.digest != run.recording_digest:
                raise RecordingError(path, "it is not of the recording beside it", "Evaluate the recording again")
    return run
