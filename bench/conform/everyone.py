"""Checks of every driver, whatever it drives."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from bench.conform.model import Check, Elsewhere, LeftOutError, Subject, UnfitError, expect
from drivers import roles
from drivers.errors import InstrumentError
from drivers.roles import Identity

PROTOCOLS: Mapping[str, type] = {
    "pump": roles.Pump,
    "balance": roles.Balance,
    "pressure": roles.PressureSensor,
    "occluder": roles.Occluder,
    "climate": roles.ClimateSensor,
    "operator": roles.Operator,
    "power": roles.PowerSupply,
    "alarm": roles.AlarmInput,
}
CAPABILITIES: tuple[type, ...] = tuple(
    each
    for each in vars(roles).values()
    if inspect.isclass(each)
    and getattr(each, "_is_protocol", False)
    and each.__module__ == roles.__name__
    and each not in (*PROTOCOLS.values(), roles.Instrument)
)
"""Everything that an instrument may have beyond its role."""
SLOWEST_REFUSAL_S = 60.0
"""An instrument that does not answer is given up within this."""


def capabilities(entry_class: type) -> list[type]:
    """Return the capabilities of a driver's class."""
    return [each for each in CAPABILITIES if all(hasattr(entry_class, name) for name in _members(each))]


def _members(protocol: type) -> list[str]:
    return [name for name in dir(protocol) if not name.startswith("_")]


def _shape(subject: Subject) -> None:
    entry = subject.entry
    wanted = [PROTOCOLS[entry.role], *capabilities(entry.instrument)]
    for protocol in wanted:
        for name in _members(protocol):
            model = getattr(protocol, name)
            if not isinstance(model, types.FunctionType):
                continue
            given = getattr(entry.instrument, name, None)
            expect(given is not None, f"{entry.instrument.__name__} has no {name}(), which a {entry.role} has")
            names = [list(inspect.signature(each).parameters) for each in (given, model) if each is not None]
            expect(names[0] == names[1], f"{name}() takes {names[0]}, and {protocol.__name__} gives it {names[1]}")


def _options(subject: Subject) -> None:
    try:
        subject.entry.Options.model_validate({**subject.options.model_dump(), "no_such_key": 1})
    except ValidationError:
        return
    raise UnfitError("Options take a key that does not exist: a misspelt line of a rig file would go unseen")


def _identity(subject: Subject) -> None:
    first, second = subject.instrument.identify(), subject.instrument.identify()
    expect(isinstance(first, Identity), f"identify() returns {first!r}, no Identity")
    expect(first == second, f"asked twice, it is {first} and {second}")
    expect(bool(first.model or first.serial_number), "it tells neither model nor serial number")


def _wire(subject: Subject) -> None:
    if subject.entry.confidential:
        raise LeftOutError("the driver is confidential: nothing is logged")
    directions = {direction for direction, _ in subject.logged}
    if not directions:
        raise LeftOutError("the driver has a channel of its own, and tells nothing of it")
    expect(directions == {"tx", "rx"}, f"the wire log has only {directions}")


def _again(subject: Subject) -> None:
    known = subject.instrument.identify()
    subject.instrument.close()
    subject.instrument.close()
    with subject.opened() as second:
        expect(second.identify() == known, f"opened again, {known} is {second.identify()}")


def _reopen(subject: Subject) -> None:
    with subject.opened(again=True) as second:
        expect(isinstance(second.identify(), Identity), "it does not say who it is")


def _nothing_there(subject: Subject) -> None:
    _refuses(subject, Elsewhere("socket://127.0.0.1:1", subject.clock), "where nothing is")


def _silence(subject: Subject) -> None:
    with subject.silent() as elsewhere:
        _refuses(subject, elsewhere, "where something never answers")


def _noise(subject: Subject) -> None:
    with subject.noisy() as elsewhere:
        _refuses(subject, elsewhere, "where garbage is answered")


def _refuses(subject: Subject, elsewhere: Elsewhere, where: str) -> None:
    if not subject.entry.needs_address:
        raise LeftOutError("the driver has no address")
    began_s = elsewhere.clock.now_s()
    try:
        with subject.opened(elsewhere) as opened:
            opened.identify()
    except InstrumentError as error:
        expect(bool(str(error).strip()), f"{where}, its error says nothing")
    except Exception as error:
        raise UnfitError(f"{where}, it raises {type(error).__name__}, which is no InstrumentError: {error}") from error
    else:
        raise UnfitError(f"{where}, it takes what is there for its instrument")
    took_s = elsewhere.clock.now_s() - began_s
    expect(took_s <= SLOWEST_REFUSAL_S, f"{where}, it goes on asking for {took_s:.0f} s")


def a_number(value: Any, what: str) -> float:
    """Return a number.

    Raises:
        UnfitError: it is none.

    """
    expect(isinstance(value, int | float) and not isinstance(value, bool), f"{what} is {value!r}, no number")
    return float(value)


def within_call(subject: Subject, ask: Callable[[], Any], what: str) -> Any:
    """Return what `ask` returns, whose `time_s` must lie between the question and the answer.

    Raises:
        UnfitError: it does not: it is by another clock than the run's.

    """
    before_s = subject.clock.now_s()
    found = ask()
    after_s = subject.clock.now_s()
    expect(
        before_s <= found.time_s <= after_s,
        f"{what} is stamped {found.time_s:.3f} s, and was read between {before_s:.3f} s and {after_s:.3f} s",
    )
    return found


BEFORE = (
    Check("shape", "it has every method of its role and capabilities, with their arguments", _shape),
    Check("options", "a misspelt key in a rig file is refused", _options),
    Check("identity", "it says who it is, and the same each time: a wrong instrument is found out", _identity),
    Check("wire log", "what passes on the wire can be logged, both ways", _wire),
)
AFTER = (
    Check("closing", "closing twice does no harm, and the port is free for the next one", _again),
    Check("reopening", "it can be taken up again after its link was lost", _reopen),
    Check("nothing there", "a wrong address is an InstrumentError, not a crash", _nothing_there),
    Check("silence", "an instrument that never answers is given up in time, with an InstrumentError", _silence),
    Check("garbage", "another kind of device is not taken for the instrument", _noise),
)
