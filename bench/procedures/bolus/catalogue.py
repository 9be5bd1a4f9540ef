"""What a bolus test can measure, and which of it a test of a kind does."""

from __future__ import annotations

from collections.abc import Mapping

from bench.metrology.shares import BAND_PERCENTS
from bench.procedures.base import MeasurementSpec
from bench.procedures.bolus.settings import Kind


def _wider(band: int) -> tuple[str, ...]:
    """Return the shares within wider bands."""
    return tuple(f"within_{wider}_percent" for wider in BAND_PERCENTS if wider > band)


def _equal() -> dict[str, MeasurementSpec]:
    catalogue = {
        "mean_error": MeasurementSpec("mean error of the boluses", "ratio", "%", perfect=0.0),
        "mean_volume": MeasurementSpec("mean volume of the boluses", "volume", "U", (0.0, None)),
        "bolus_sd": MeasurementSpec(
            "standard deviation of the boluses, of commanded, without that of weighing", "ratio", "%", (0.0, None)
        ),
        "largest_positive_deviation": MeasurementSpec(
            "largest deviation upwards", "ratio", "%", instead=("mean_error",), perfect=0.0
        ),
        "largest_negative_deviation": MeasurementSpec(
            "largest deviation downwards", "ratio", "%", instead=("mean_error",), perfect=0.0
        ),
    }
    for band in BAND_PERCENTS:
        catalogue[f"within_{band}_percent"] = MeasurementSpec(
            f"boluses within ±{band} % of commanded", "ratio", "%", (0.0, 100.0), _wider(band)
        )
    catalogue["delivery_time"] = MeasurementSpec(
        "mean time from command to 95 % on the balance", "duration", "s", (0.0, None)
    )
    catalogue["tail_fraction"] = MeasurementSpec(
        "part that arrives after the pump says done", "ratio", "%", (0.0, 100.0), told_by_pump=True
    )
    catalogue["reported_difference"] = MeasurementSpec(
        "reported by the pump minus weighed, of commanded", "ratio", "%", perfect=0.0, told_by_pump=True
    )
    return catalogue


EQUAL: Mapping[str, MeasurementSpec] = _equal()
"""Of a row of equal normal boluses."""
CATALOGUE: Mapping[str, MeasurementSpec] = {
    **EQUAL,
    "course_error": MeasurementSpec(
        "spread bolus: largest deviation of the delivered course from the programmed one, of commanded",
        "ratio",
        "%",
        (0.0, None),
    ),
    "cancelled_difference": MeasurementSpec(
        "cancelled bolus: weighed minus reported by the pump, of reported", "ratio", "%", perfect=0.0, told_by_pump=True
    ),
    "after_cancel": MeasurementSpec(
        "cancelled bolus: mean volume that arrived later than 2 s after the acknowledged cancel",
        "volume",
        "U",
        perfect=0.0,
    ),
    "largest_size_error": MeasurementSpec(
        "several sizes: mean error of the size that may be furthest off", "ratio", "%", perfect=0.0
    ),
}
_ONLY: Mapping[str, str] = {
    "course_error": "only a spread bolus has a programmed course: `shape: square` or `shape: dual`",
    "cancelled_difference": "no bolus is cancelled: add `cancel_after`",
    "after_cancel": "no bolus is cancelled: add `cancel_after`",
    "largest_size_error": "there is one size: list several as `volumes`",
}
_CANCELLED = "the boluses are cancelled, so that commanded is not what should come: ask for `cancelled_difference`"
_SIZES = (
    "the boluses are of several sizes, which have no mean: ask for `largest_size_error`, or for a test of each size"
)
_SPREAD = "a spread bolus takes as long as it is told: ask for `course_error`"
_KEPT_OF_CANCELLED = frozenset({"mean_volume", "reported_difference"})


def lacking(kind: Kind) -> Mapping[str, str]:
    """Return the measurements that a test of a kind does not have, each with the reason and the way out."""
    own: dict[Kind, set[str]] = {
        "equal": set(),
        "spread": {"course_error"},
        "cancelled": {"cancelled_difference", "after_cancel"},
        "sizes": {"largest_size_error"},
    }
    found = {name: why for name, why in _ONLY.items() if name not in own[kind]}
    if kind == "spread":
        found["delivery_time"] = _SPREAD
    if kind == "cancelled":
        found |= {name: _CANCELLED for name in EQUAL if name not in _KEPT_OF_CANCELLED}
    if kind == "sizes":
        found |= dict.fromkeys(EQUAL, _SIZES)
    return found


def specs_of(kind: Kind) -> Mapping[str, MeasurementSpec]:
    """Return the measurements that a test of a kind has, in the order of the catalogue."""
    without = lacking(kind)
    return {name: spec for name, spec in CATALOGUE.items() if name not in without}
