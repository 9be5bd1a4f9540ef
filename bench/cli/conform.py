"""`pumpbench conform`: whether a driver does what its role asks of it."""

from __future__ import annotations

import argparse
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel

    from bench.cli.arguments import Commands
    from bench.conform.model import Elsewhere, Result, Subject
    from drivers.registry import DriverEntry

SIMULATED = "sim"
_RIG = Path(__file__).resolve().parents[2] / "fixtures" / "simulated.yaml"


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    conform = commands.add_parser(
        "conform",
        help="check a driver, in tree or not, against its role on a real or simulated instrument",
        description="Read-only checks first; those that let something move, or change how the instrument is set, only"
        " with --deliver: a pump then delivers some tens of µL, so its line must lead into a vessel.",
    )
    conform.add_argument("driver", metavar="DRIVER", help="the driver's name, as a rig file has it")
    conform.add_argument("address", metavar="ADDRESS", help=f"where the instrument is, or {SIMULATED}")
    conform.add_argument("--deliver", action="store_true", help="make the checks that move or change something, too")
    conform.add_argument(
        "--option", action="append", default=[], metavar="KEY=VALUE", help="a key of the driver, as in a rig file"
    )
    conform.add_argument("--visa", default="@py", metavar="LIBRARY", help="VISA library (default: %(default)s)")
    conform.add_argument("--emulator", metavar="NAME", help=f"who plays the instrument where ADDRESS is {SIMULATED}")
    conform.add_argument("--bolus-ul", type=float, default=5.0, help="volume of a bolus in µL (default: %(default)g)")
    conform.add_argument("--rate-ul-per-h", type=float, default=20.0, help="basal rate in µL/h (default: %(default)g)")
    conform.add_argument(
        "--patience",
        type=float,
        default=300.0,
        metavar="S",
        help="wait so long for a delivery (default: %(default)g)",
    )
    conform.set_defaults(command=_conform)


def _conform(options: argparse.Namespace) -> int:
    from bench.conform.everyone import capabilities
    from bench.conform.suite import run_suite
    from bench.rig.errors import RigError
    from drivers.registry import DRIVER_API, UnknownDriverError, driver

    try:
        entry = driver(options.driver)
    except UnknownDriverError as error:
        raise RigError(str(error)) from error
    if entry.needs:
        raise RigError(
            f"driver {entry.name} works with the rig's {' and '.join(entry.needs)} only, and cannot be checked alone:"
            " run test_plans/commissioning.yaml with it in the rig file"
        )
    told = entry.api_version if entry.api_version is not None else DRIVER_API
    able = [each.__name__ for each in capabilities(entry.instrument)]
    print(f"driver {entry.name} ({entry.role}) at {options.address}, driver API {told}: {entry.summary}")
    print(f"capabilities: {', '.join(able) or 'those of its role alone'}")
    if entry.confidential:
        print("confidential: no byte is logged or shown")
    results: list[Result] = []
    with contextlib.ExitStack() as stack:
        for result in run_suite(stack.enter_context(_subject(entry, options)), deliver=options.deliver):
            results.append(result)
            print(_row(result), flush=True)
    counts = Counter(result.outcome.value for result in results)
    print(f"{len(results)} checks: {', '.join(f'{number} {word}' for word, number in counts.items())}")
    return 1 if counts["FAILED"] else 0


def _row(result: Result) -> str:
    check = result.check
    row = f"  {result.outcome:8}  {check.name:16}  {check.proves}"
    return f"{row}\n{'':12}{result.why}" if result.why else row


@contextlib.contextmanager
def _subject(entry: DriverEntry, options: argparse.Namespace) -> Iterator[Subject]:
    from bench.clock import RealClock
    from bench.conform import strangers
    from bench.conform.model import Subject

    given = _options(entry, options.option, defaults=options.address == SIMULATED)
    told: dict[str, Any] = {
        "bolus_ul": options.bolus_ul,
        "rate_ul_per_h": options.rate_ul_per_h,
        "patience_s": options.patience,
    }
    if options.address != SIMULATED:
        yield Subject(
            entry,
            options.address,
            given,
            RealClock(),
            strangers.silent,
            strangers.noisy,
            options.visa,
            **told,
        )
        return
    emulator = options.emulator or _own_emulator(entry)
    silent: Callable[[], AbstractContextManager[Elsewhere]] = strangers.silent
    noisy: Callable[[], AbstractContextManager[Elsewhere]] = strangers.noisy
    if entry.role != "operator":  # whose line has no faults
        silent = _twin_with("silent_instrument", entry.role, emulator)
        noisy = _twin_with("garbled_line", entry.role, emulator)
    with _twin(entry.role, emulator) as here:
        yield Subject(entry, here.address, given, here.clock, silent, noisy, simulated=True, **told)


def _own_emulator(entry: DriverEntry) -> str | None:
    """Return the emulator that has the driver's name, or a word of it; None leaves the role's usual one."""
    from bench.twin.emulators.registry import emulators_of

    able = emulators_of(entry.role)
    if entry.name in able:
        return entry.name
    return next((word for word in entry.name.split("_") if word in able), None)


def _options(entry: DriverEntry, given: list[str], *, defaults: bool) -> BaseModel:
    """Return the driver's options: what is given, over what the simulated bench's rig file has for this driver."""
    import yaml
    from pydantic import ValidationError

    from bench.rig.errors import RigError

    keys: dict[str, Any] = {}
    if defaults:
        listed = yaml.safe_load(_RIG.read_text(encoding="utf-8"))["instruments"].get(entry.role, {})
        if listed.get("driver") == entry.name:
            keys = {key: value for key, value in listed.items() if key in entry.Options.model_fields}
    for each in given:
        key, equals, value = each.partition("=")
        if not equals:
            raise RigError(f"--option {each}: KEY=VALUE is meant")
        keys[key] = yaml.safe_load(value)
    try:
        return entry.Options.model_validate(keys)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise RigError(f"options of driver {entry.name}: {problems} (--option KEY=VALUE)") from None


@contextlib.contextmanager
def _twin(role: str, emulator: str | None, *faults: dict[str, Any]) -> Iterator[Elsewhere]:
    """Start a simulated bench, and yield where the role's instrument is."""
    import yaml
    from pydantic import ValidationError

    from bench.clock import SimulatedClock
    from bench.conform.model import Elsewhere
    from bench.rig.errors import RigError
    from bench.twin.settings import Simulation
    from bench.twin.twin import Twin

    settings = yaml.safe_load(_RIG.read_text(encoding="utf-8"))["simulation"]
    settings["faults"] = list(faults)
    if emulator is not None:
        settings["emulators"] = {**settings["emulators"], role: emulator}
    try:
        simulation = Simulation.model_validate(settings)
    except ValidationError as error:
        raise RigError(f"--emulator {emulator}: {error.errors()[0]['msg']}") from None
    clock = SimulatedClock(simulation.start_utc)
    name = "conform" if not faults else f"conform-{faults[0]['fault'].replace('_', '-')}"
    with Twin(name, simulation, None, clock):
        yield Elsewhere(f"sim://{name}/{role}", clock)


def _twin_with(fault: str, role: str, emulator: str | None) -> Callable[[], AbstractContextManager[Elsewhere]]:
    return lambda: _twin(role, emulator, {"fault": fault, "instrument": role})
