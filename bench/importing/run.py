"""One call from a file of readings to a run's folder that evaluation, report and verification take as any other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.importing.assumed import middle_s, widened
from bench.importing.delivery import Instants, delivered, with_bolus_ends
from bench.importing.errors import ImportedFileError
from bench.importing.events import events_of, with_settings
from bench.importing.layout import ReadOptions
from bench.importing.plausible import check_readability, doubt_falling, refuse_wrong_scale, step_of, tidy
from bench.importing.recording import basal_increment_ul, write_recording
from bench.importing.settings import TestOptions, plan_of, rig_of
from bench.importing.table import Table, read_table
from bench.plan.load import load_plan
from bench.plan.model import Plan, PlanTest
from bench.procedures.base import Context, Procedure
from bench.quantities import Concentration, Quantity, QuantityError, parse_quantity, parse_tolerance
from bench.recording.reader import Event
from bench.rig.load import load_rig
from bench.rig.model import Rig

UNKNOWN_EVAPORATION_MG_PER_H = 30.0
"""What an open vessel of 20 mm may lose; so much is left open where nothing tells the evaporation."""
BOLUS_SPEED = "15 µL/min"
"""1.5 U/min of U-100, the usual speed of a normal bolus."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """Everything that options tell of a file: how to read it, what was to be shown, on what, and when.

    Either `plan_file` with `test_id`, or `test`. Either `rig_file`, or `balance` (the keys of a balance in a rig).
    `source_weighed` says that the pump or its reservoir stood on the balance, so that its loss is the delivery. `shown`
    is all of it as the user put it, for the record.
    """

    read: ReadOptions = field(default_factory=ReadOptions)
    instants: Instants = field(default_factory=Instants)
    plan_file: Path | None = None
    test_id: str | None = None
    test: TestOptions | None = None
    rig_file: Path | None = None
    balance: Mapping[str, Any] = field(default_factory=dict)
    rig_more: Mapping[str, Any] = field(default_factory=dict)
    evaporation: str | None = None
    bolus_speed: str = BOLUS_SPEED
    simulated: bool = False
    source_weighed: bool = False
    shown: Mapping[str, str] = field(default_factory=dict)


def import_file(path: Path, recording: Path, options: ImportOptions, procedures: Mapping[str, Procedure]) -> str:
    """Read a file of readings and write it as a sealed recording of one test; return the seal's digest.

    Args:
        path: the file.
        recording: the recording to make.
        options: what the file does not say itself.
        procedures: kinds of test by name.

    Raises:
        ImportedFileError: the file cannot be used; the text says where, why and what to do.
        YamlError, RigError: plan, rig or options are wrong.
        RecordingError: the recording cannot be written.

    """
    table = read_table(path, options.read)
    tidy(table, options.read.repeated)
    if options.source_weighed:
        _turn_round(table)
    events = events_of(table, options.read.words)
    plan, test = _plan(table, options, procedures, events)
    events = delivered(table, events, options.instants, test.procedure)
    rate_ul_per_h, bolus_ul = _flow(test, plan.pump.insulin)
    try:
        events = with_settings(events, rate_ul_per_h, bolus_ul)
    except ValueError as error:
        raise ImportedFileError(path, str(error), "Give it by --rate or --volume") from None
    rig = _rig(table, options, events)
    events = _completed(table, events, Context(plan, rig), test, options)
    if rig.balance is not None:
        readability_g = rig.balance.readability.to("g")
        check_readability(table, readability_g)
        told = options.rig_file is not None or "readability" in options.balance
        refuse_wrong_scale(table, events, readability_g if told else None)
        doubt_falling(table, events, source_weighed=options.source_weighed)
    simulated = options.simulated or table.layout.metadata.get("simulated", "") == "true"
    return write_recording(recording, table, plan, rig, test.id, events, options.shown, simulated=simulated)


def _turn_round(table: Table) -> None:
    mass = table.mass
    table.channels["balance.mass_g"] = replace(mass, value=-mass.value)
    table.notes.append("The source was weighed (--source-weighed): what it lost counts as delivered.")


def _plan(
    table: Table, options: ImportOptions, procedures: Mapping[str, Procedure], events: list[Event]
) -> tuple[Plan, PlanTest]:
    if options.plan_file is not None:
        plan = load_plan(options.plan_file, procedures, name=options.plan_file.name)
        ids = [test.id for test in plan.tests]
        wanted = options.test_id or (ids[0] if len(ids) == 1 else "")
        for test in plan.tests:
            if test.id == wanted:
                return plan, test
        cause = (
            f"plan {options.plan_file} has no test {wanted!r}" if wanted else f"{options.plan_file} has several tests"
        )
        raise ImportedFileError(table.path, cause, f"Name one by --test: {', '.join(ids)}")
    if options.test is None:
        raise ImportedFileError(
            table.path,
            "does not say what was to be shown",
            "Name a plan's test (--plan test_plans/basal.yaml --test BASAL-1U), or the settings (--procedure basal"
            " --rate '1 U/h' --insulin U-100)",
        )
    made = replace(options.test, settings={**_settings_of_file(table, options, events), **options.test.settings})
    plan = plan_of(made, procedures)
    return plan, plan.tests[0]


def _settings_of_file(table: Table, options: ImportOptions, events: list[Event]) -> dict[str, str]:
    """Return settings that the file itself tells, for a test that options describe."""
    assert options.test is not None  # noqa: S101 - asked where options describe a test
    procedure = options.test.procedure
    if procedure == "basal":
        return {"duration": f"{_duration_s(table, options, events):.10g} s"}
    if procedure == "bolus":
        commands = [each for each in delivered(_quiet(table), events, options.instants, procedure) if _is_bolus(each)]
        return {"count": str(len(commands)), **_spacing(commands, options)}
    if procedure == "occlusion":
        return {"timeout": f"{table.end_s - table.start_s:.10g} s"}
    return {}


def _quiet(table: Table) -> Table:
    """Return the table with notes of its own, for a look that leaves none."""
    return replace(table, notes=[], doubts=[])


def _is_bolus(event: Event) -> bool:
    return event.kind == "bolus commanded"


def _duration_s(table: Table, options: ImportOptions, events: list[Event]) -> float:
    found = {event.kind: event for event in delivered(_quiet(table), events, options.instants, "basal")}
    begin, end = found.get("basal commanded"), found.get("basal stopped")
    begin_s = table.start_s if begin is None else middle_s(begin)
    duration_s = (table.end_s if end is None else middle_s(end)) - begin_s
    return max(60.0, duration_s)


def _spacing(commands: list[Event], options: ImportOptions) -> dict[str, str]:
    """Return the interval and, where it leaves no minute, the settling time of boluses that follow closely."""
    if len(commands) < 2 or options.test is None:
        return {}
    closest_s = min(later.time_s - first.time_s for first, later in pairwise(commands))
    interval_s = closest_s - _bolus_s(options, options.test.settings, options.test.pump.get("insulin", ""))
    if interval_s >= 90.0 or interval_s <= 15.0:
        return {}
    return {"interval": f"{interval_s:.4g} s", "settle": f"{min(60.0, 0.6 * interval_s):.4g} s"}


def _bolus_s(options: ImportOptions, settings: Mapping[str, str], insulin: str) -> float:
    """Return how long a bolus of the settings takes at the speed that is told or assumed; 0 where none is known."""
    try:
        concentration = Concentration(float(insulin.removeprefix("U-")))
        volume_ul = parse_quantity(settings.get("volume", ""), "volume").to("µL", concentration)
        return volume_ul / parse_quantity(options.bolus_speed, "rate").to("µL/s", concentration)
    except (QuantityError, ValueError):
        return 0.0  # the plan's own error is clearer than any said here


def _flow(test: PlanTest, concentration: Concentration) -> tuple[float | None, float | None]:
    """Return the basal rate in µL/h and the bolus in µL of a test's settings."""
    rate = _first(test.settings, "rate", "basal")
    volume = _first(test.settings, "volume", "bolus")
    return (
        rate.to("µL/h", concentration) if rate is not None else None,
        volume.to("µL", concentration) if volume is not None else None,
    )


def _first(settings: Any, *names: str) -> Quantity | None:
    found = (getattr(settings, name, None) for name in names)
    return next((each for each in found if isinstance(each, Quantity)), None)


def _completed(
    table: Table, events: list[Event], context: Context, test: PlanTest, options: ImportOptions
) -> list[Event]:
    """Return events with the ends of boluses and the spread of assumed instants."""
    rate_ul_per_h, bolus_ul = _flow(test, context.concentration)
    increment_ul = basal_increment_ul(context)
    if increment_ul is not None and rate_ul_per_h:
        events = widened(events, 3600.0 * increment_ul / rate_ul_per_h)
    if any(map(_is_bolus, events)) and bolus_ul is not None:
        try:
            speed_ul_per_s = parse_quantity(options.bolus_speed, "rate").to("µL/s", context.concentration)
        except QuantityError as error:
            raise ImportedFileError(table.path, f"--bolus-speed: {error}", "Write it as '1.5 U/min'") from None
        events = with_bolus_ends(table, events, bolus_ul / speed_ul_per_s)
    return events


def _rig(table: Table, options: ImportOptions, events: list[Event]) -> Rig:
    """Return what is known of the instruments; what nobody tells of the evaporation is left wide open."""
    evaporation = _evaporation(table, options)
    blank = any(event.kind == "blank started" for event in events)
    if options.rig_file is not None:
        rig = load_rig(options.rig_file, name=options.rig_file.name)
        if options.source_weighed:
            _refuse_vessel(table, rig)
        if evaporation is None and (blank or rig.evaporation is not None):
            return rig
        if rig.evaporation is not None:
            raise ImportedFileError(
                table.path, "--evaporation says what the rig file says, too", "Leave out one of the two"
            )
        told = evaporation or _unknown_evaporation(table)
        return load_rig(f"{rig.text.rstrip()}\n\nevaporation: {told}\n", name=rig.file)
    balance = dict(options.balance)
    if "readability" not in balance:
        step_mg = 1000.0 * step_of(table)
        if step_mg <= 0.0:
            raise ImportedFileError(
                table.path, "shows one and the same mass all the time", "Say --readability, if that is as it should be"
            )
        balance["readability"] = f"{step_mg:.3g} mg"
        table.notes.append(
            f"The balance's readability is taken from the steps of the file, {step_mg:.3g} mg (--readability)."
        )
    more = dict(options.rig_more)
    if evaporation is not None:
        more["evaporation"] = evaporation
    elif not blank:
        more["evaporation"] = _unknown_evaporation(table)
    return rig_of(balance, more, pressure="pressure.pressure_kpa" in table.channels)


def _refuse_vessel(table: Table, rig: Rig) -> None:
    """Refuse a rig file that tells of a vessel which takes up what is delivered: its corrections have another sign."""
    balance = rig.balance
    told = {
        "evaporation": rig.evaporation,
        "vessel": balance.vessel if balance is not None else None,
        "immersion": balance.immersion if balance is not None else None,
    }
    named = [name for name, value in told.items() if value is not None]
    if named:
        cause = f"was weighed at the source, and the rig file tells of a vessel that takes up ({', '.join(named)})"
        raise ImportedFileError(table.path, cause, "Name a rig file without, or leave out --source-weighed")


def _evaporation(table: Table, options: ImportOptions) -> dict[str, str] | None:
    if options.evaporation is None:
        return None
    try:
        told = parse_tolerance(options.evaporation, "mass rate")
    except QuantityError as error:
        raise ImportedFileError(table.path, f"--evaporation: {error}", "Write it as '0.05 mg/h ± 0.05 mg/h'") from None
    if options.source_weighed and told.nominal != 0.0:
        cause = (
            "was weighed at the source, which evaporation makes seem to deliver, and --evaporation is a vessel's loss"
        )
        raise ImportedFileError(table.path, cause, "Write --evaporation '0 mg/h ± 0.1 mg/h': as much as it may lose")
    return {"rate": f"{told.nominal!r} {told.unit}", "half_width": f"{told.half_width!r} {told.unit}"}


def _unknown_evaporation(table: Table) -> dict[str, str]:
    table.notes.append(
        f"Nothing tells the evaporation, no blank and no --evaporation: ±{UNKNOWN_EVAPORATION_MG_PER_H:g} mg/h, as much"
        " as an open vessel loses, are left open where no rest between pulses tells it."
    )
    return {"rate": "0 mg/h", "half_width": f"{UNKNOWN_EVAPORATION_MG_PER_H:g} mg/h"}
