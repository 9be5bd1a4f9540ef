"""Pool several runs' results: the same tests of several pumps become one group each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench.metrology.tolerance import check_shares
from bench.pooling.basal import pool_basal
from bench.pooling.bolus import pool_boluses
from bench.pooling.claims import Claim
from bench.pooling.errors import PoolingError
from bench.pooling.occlusion import pool_occlusions
from bench.pooling.sources import Source, check_together, general_notes, pooled_runs, pumps_of, usable_tests
from bench.quantities import Concentration, parse_quantity
from bench.results.model import RunResult
from bench.results.pooled import Pooled, PooledGroup

_Maker = Callable[[list[Source], Concentration, Claim, bool], PooledGroup]
_MAKERS: Mapping[str, _Maker] = {"bolus": pool_boluses, "basal": pool_basal, "occlusion": pool_occlusions}
_SIZES = (("volume", "volume"), ("rate", "rate"), ("bolus", "volume"), ("basal", "rate"))
"""Settings that make a group, in the order in which groups are sorted, each with its dimension."""


def pool(runs: Mapping[str, RunResult], claim: Claim, *, each_run_a_pump: bool = False) -> Pooled:
    """Pool runs by procedure and commanded size, the pump being the unit.

    Args:
        runs: results by name of the run.
        claim: which share of doses an interval is to hold, with which confidence, and within which limit, if any.
        each_run_a_pump: take every run for one of another pump, whatever the serial numbers say.

    Raises:
        PoolingError: the runs do not belong together, lack a serial number, or have no test that can be pooled.
        ValueError: a share outside 0 to 1.

    """
    check_shares(claim.coverage, claim.confidence)
    concentration = check_together(runs)
    pumps = pumps_of(runs, each_run_a_pump=each_run_a_pump)
    sources, left_out = usable_tests(runs, pumps)
    if not sources:
        why = "; ".join(f"{each.run} {each.test}: {each.reason}" for each in left_out) or "they have none"
        raise PoolingError(f"no test of these runs can be pooled: {why}")
    simulated = next(iter(runs.values())).simulated
    groups = [
        _MAKERS[key[0]](members, concentration, claim, simulated)
        for key, members in sorted(_grouped(sources, concentration).items())
    ]
    return Pooled(
        simulated=simulated,
        insulin=str(concentration),
        coverage=claim.coverage,
        confidence=claim.confidence,
        runs=pooled_runs(runs, pumps),
        pumps=sorted(set(pumps.values())),
        groups=groups,
        left_out=left_out,
        notes=general_notes(runs, pumps),
    )


_Key = tuple[str, tuple[float, ...], tuple[str, ...]]


def _grouped(sources: list[Source], concentration: Concentration) -> dict[_Key, list[Source]]:
    found: dict[_Key, list[Source]] = {}
    for source in sources:
        # A spread bolus is another delivery than one at once.
        settings = source.test.settings
        shape = (str(settings.get("shape") or "normal"), *(str(settings.get(name) or "") for name in ("over", "now")))
        key = (source.test.procedure, _size(source, concentration), shape)
        found.setdefault(key, []).append(source)
    return found


def _size(source: Source, concentration: Concentration) -> tuple[float, ...]:
    """Return the commanded size in µL and µL/h; what is not set counts as −1, before everything that is."""
    settings = source.test.settings
    return tuple(
        -1.0
        if settings.get(name) is None
        else round(parse_quantity(settings[name], dimension).to(_UNIT[dimension], concentration), 9)
        for name, dimension in _SIZES
    )


_UNIT = {"volume": "µL", "rate": "µL/h"}
