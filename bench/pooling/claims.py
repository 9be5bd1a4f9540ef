"""What pooled doses are to show."""

from __future__ import annotations

from dataclasses import dataclass

from bench.quantities import Limit


@dataclass(frozen=True, slots=True)
class Claim:
    """A share of all doses to be held with a confidence, and the limit of a deviation to be kept, if there is one."""

    coverage: float = 0.95
    confidence: float = 0.95
    limit: Limit | None = None
