"""The suite of a role, and its running: read-only checks first, then those that move, if they may."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import cast

from bench.conform import everyone, pumps, sensors
from bench.conform.model import Check, LeftOutError, Outcome, Result, Subject, UnfitError
from bench.rig.safe import UnsafeError, make_safe
from drivers.errors import InstrumentError
from drivers.roles import Instrument

OF_ROLES: Mapping[str, Sequence[Check]] = {
    "pump": pumps.PUMP,
    "balance": sensors.BALANCE,
    "pressure": sensors.PRESSURE,
    "occluder": sensors.OCCLUDER,
    "climate": sensors.CLIMATE,
    "operator": sensors.OPERATOR,
    "power": sensors.POWER,
    "alarm": sensors.ALARM,
}
SAFE = Check("safe end", "pump, occluder and supply are left in their safe state", lambda _: None, moves=True)


def suite(role: str) -> list[Check]:
    """Return the checks of a role in the order in which they are run."""
    own = OF_ROLES[role]
    return [
        *everyone.BEFORE,
        *(each for each in own if not each.moves),
        *(each for each in own if each.moves),
        SAFE,
        *everyone.AFTER,
    ]


def run_suite(subject: Subject, *, deliver: bool) -> Iterator[Result]:
    """Run every check of the subject's role, and yield what each came to as it has.

    Args:
        subject: what is checked.
        deliver: whether checks may let something move.

    """
    checks = suite(subject.entry.role)
    while checks and checks[0].name in ("shape", "options"):
        check = checks.pop(0)
        yield _run(check, subject, deliver)
    opened = subject.opened()
    try:
        subject.instrument = opened.__enter__()
    except Exception as error:
        yield Result(Check("opening", "it opens and answers", lambda _: None), Outcome.FAILED, _told(error))
        return
    try:
        for check in checks:
            if check is SAFE:
                yield _end_safely(subject, deliver)
            else:
                yield _run(check, subject, deliver)
    finally:
        with suppress(InstrumentError):
            opened.__exit__(None, None, None)


def _run(check: Check, subject: Subject, deliver: bool) -> Result:
    lacking = [each.__name__ for each in check.needs if not subject.can(each)]
    if lacking:
        return Result(check, Outcome.LEFT_OUT, f"the driver has no {' and no '.join(lacking)}")
    if check.moves and not deliver:
        return Result(check, Outcome.LEFT_OUT, "moves or changes something: only with --deliver")
    try:
        check.run(subject)
    except LeftOutError as why:
        return Result(check, Outcome.LEFT_OUT, str(why))
    except Exception as error:
        if check.moves and subject.entry.role == "pump":
            with suppress(Exception):  # it is stopped again, and told, at the end
                subject.instrument.stop()
        return Result(check, Outcome.FAILED, _told(error))
    return Result(check, Outcome.OK)


def _told(error: Exception) -> str:
    if isinstance(error, UnfitError | InstrumentError):
        return str(error)
    return f"raises {type(error).__name__}, which is no InstrumentError: {error}"


def _end_safely(subject: Subject, deliver: bool) -> Result:
    if not deliver or subject.entry.role not in ("pump", "occluder", "power"):
        return Result(SAFE, Outcome.LEFT_OUT, "nothing was moved")
    instruments = {subject.entry.role: cast(Instrument, subject.instrument)}
    try:
        make_safe(instruments, "conformance checks ended", lambda _kind, /, **_data: None)
    except UnsafeError as error:
        return Result(SAFE, Outcome.FAILED, str(error))
    return Result(SAFE, Outcome.OK)
