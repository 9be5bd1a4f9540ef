"""Pool several runs' results: the same tests of several pumps become one group each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench.metrology.tolerance import check_shares
from bench.pooling.alike import pool_alike
from bench.pooling.basal import pool_basal
from bench.pooling.bolus import pool_boluses
from bench.pooling.claims import Claim
from bench.pooling.errors import PoolingError
from bench.pooling.groups import Key, Kind, grouped
from bench.pooling.occlusion import pool_occlusions
from bench.pooling.sources import Source, check_together, general_notes, pooled_runs, pumps_of, usable_tests
from bench.quantities import Concentration
from bench.results.model import RunResult
from bench.results.pooled import Pooled, PooledGroup

_Maker = Callable[[list[Source], Concentration, Claim, bool], PooledGroup]
_MAKERS: Mapping[Kind, _Maker] = {"boluses": pool_boluses, "rate": pool_basal, "occlusion": pool_occlusions}


def pool(runs: Mapping[str, RunResult], claim: Claim, *, each_run_a_pump: bool = False) -> Pooled:
    """Pool runs by procedure, commanded size and conditions of the bench, the pump being the unit.

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
        _under(_MAKERS.get(key.kind, pool_alike)(members, concentration, claim, simulated), key)
        for key, members in grouped(sources, concentration)
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


def _under(group: PooledGroup, key: Key) -> PooledGroup:
    """Return a group with the conditions of the bench that all of its tests were run under."""
    if not key.conditions:
        return group
    words = ", ".join(f"{name.replace('_', ' ')} {text}" for name, text in key.conditions)
    setting = {**group.setting, "conditions": dict(key.conditions)}
    return group.model_copy(update={"title": f"{group.title}, {words}", "setting": setting})
