"""What the pump itself counts as delivered, as it was asked now and then."""

from __future__ import annotations

import numpy as np

from bench.metrology.noise import Floats
from bench.recording.reader import TestRecord

COUNTED = "pump.delivered_ul"


def counted_u(record: TestRecord, ul_per_u: float, since_s: float) -> tuple[Floats, Floats]:
    """Return when a pump was asked and what it had counted since an instant, in U; nothing of one that does not count.

    The count at that instant is the last one before it, or else the first.
    """
    counted = record.series(COUNTED)
    known = np.isfinite(counted.value)
    time_s, value = counted.time_s[known], counted.value[known]
    if not len(value):
        return time_s, value
    first = max(0, int(np.searchsorted(time_s, since_s, "right")) - 1)
    return time_s, (value - value[first]) / ul_per_u
