"""What a daily check should have told, from the twin's own truth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bench.procedures.check.loads import LEVEL
from bench.validation.blank_truths import noise_as_made

if TYPE_CHECKING:
    from bench.recording.reader import Event
    from bench.validation.course import Course

_MG_PER_G = 1000.0


def check_truths(course: Course) -> dict[str, float]:
    """Return the truths of a check with weight and doses.

    - `zero_return`: what the air's temperature moved the balance's zero by, from the first level of the pan to the
      last.
    - `weight_error`: what the balance shows too much of the weight that really was placed, mean of all times.
    - `repeatability`, `dose_sd`: root of the mean sample variance of loads that are weighed as these are, by the noise
      as it is made; doses have their own scatter and the error of the balance at each load, too.
    - `dose_error`: nothing. The doser keeps what is said of it, and the bench what its rig file says.
    """
    rest: Mapping[str, float] = course.truth.header["at_rest"]
    levels = course.record.events(LEVEL)
    pans = [level for level in levels if level.data["what"] == "pan"]
    placed = [note for note in course.truth.notes if note["kind"] == "weight placed"]
    warmer_k = course.warmth_c(_middle_s(pans[-1])) - course.warmth_c(_middle_s(pans[0]))
    found = {"zero_return": rest["zero_mg_per_k"] * warmer_k}
    if placed:
        found["weight_error"] = _MG_PER_G * float(np.mean([note["too_much_g"] for note in placed]))
        found["repeatability"] = math.sqrt(_scatter_mg2(course, [each for each in levels if _of_weights(each)], 2))
    doses = [level for level in levels if level.data["what"] == "dose"]
    if len(doses) > 2:
        found |= {"dose_error": 0.0, "dose_sd": _dose_sd(course, doses)}
    return found


def _of_weights(level: Event) -> bool:
    return level.data["what"] in ("pan", "weight")


def _dose_sd(course: Course, levels: Sequence[Event]) -> float:
    """Return by how much doses scatter in percent, each from the level before it."""
    there_ul = np.array([course.mean_ul(*_window(level)) for level in levels])
    commanded_ul = float(course.record.events("bolus commanded")[0].data["volume_ul"])
    own = float(np.var(np.diff(there_ul), ddof=1)) * (100.0 / commanded_ul) ** 2
    count = len(levels) - 1
    # Each level has the error of its load, which ends one dose and begins the next.
    at_loads = course.truth.header["at_rest"]["load_error_mg"] ** 2 * (1.0 + 1.0 / count)
    by_weighing = (_scatter_mg2(course, levels, 1) + at_loads) * (100.0 / commanded_ul) ** 2
    return math.sqrt(own + by_weighing)


def _scatter_mg2(course: Course, levels: Sequence[Event], steps: int) -> float:
    """Return the mean sample variance of loads by noise: each from the level before, or from those on both sides.

    For n loads of covariance C it is (tr C − 1ᵀC1/n)/(n − 1).
    """
    begin_s, end_s = (np.array(column) for column in zip(*map(_window, levels), strict=True))
    noise = noise_as_made(course.truth.header["at_rest"]).of_blocks(begin_s, end_s)
    pattern = [-1.0, 1.0] if steps == 1 else [-0.5, 1.0, -0.5]
    count = (len(levels) - 1) // steps
    weights: npt.NDArray[np.float64] = np.zeros((count, len(levels)))
    for load in range(count):
        weights[load, load * steps : load * steps + len(pattern)] = pattern
    covariance = weights @ noise @ weights.T
    return float(np.trace(covariance) - covariance.sum() / count) / (count - 1)


def _window(level: Event) -> tuple[float, float]:
    return float(level.data["begin_s"]), float(level.data["end_s"])


def _middle_s(level: Event) -> float:
    return 0.5 * sum(_window(level))
