"""Reading rig files: each instrument's driver decides which keys it may have beside those of its role."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, create_model

from bench.rig.errors import RigFileError
from bench.rig.imported import entry_of
from bench.rig.instruments import SPECS, InstrumentSpec, driver_role
from bench.rig.model import Rig, RigHead
from bench.rig.pump_files import with_pump_model
from bench.strict_yaml import Document, Problem, YamlError, load, validate
from bench.strict_yaml.meaning import unknown_key
from drivers.registry import DriverEntry, UnknownDriverError, drivers_of

_DATES = frozenset({"due"})


def load_rig(source: Path | str, *, name: str | None = None) -> Rig:
    """Read a rig from a file (a path) or from text; no instrument is touched.

    A pump model that the file names stands in the rig's text in its name's place, so the text is all that is needed.

    Raises:
        RigFileError: everything that is wrong with it, at once.

    """
    try:
        document = load(source, name=name, date_keys=_DATES)
        text = with_pump_model(document, source.parent if isinstance(source, Path) else None)
        if text != document.text:
            document = load(text, name=document.file, date_keys=_DATES)
    except YamlError as error:
        raise RigFileError(error.problems) from None
    data = document.data
    if not isinstance(data, dict):
        raise RigFileError([document.problem((), "a rig file is a mapping that begins with 'rig:'")])
    problems: list[Problem] = []
    instruments = _instruments(document, data, problems)
    head = _head(document, data, problems)
    if problems or head is None:
        raise RigFileError(problems)
    return Rig(
        rig=head.rig,
        title=head.title or head.rig,
        instruments=instruments,
        evaporation=head.evaporation,
        liquid_temperature=head.liquid_temperature,
        simulation=head.simulation,
        reconnect_s=head.reconnect.to("s"),
        declared_simulated=head.simulated,
        file=document.file,
        text=document.text,
        path=str(source.resolve()) if isinstance(source, Path) else "",
    )


def _head(document: Document, data: dict[str, Any], problems: list[Problem]) -> RigHead | None:
    allowed = sorted({*RigHead.model_fields, "instruments", "$schema"})
    problems += [unknown_key(document, (key,), allowed) for key in data if key not in allowed]
    try:
        return validate(
            document, RigHead, (), {key: value for key, value in data.items() if key in RigHead.model_fields}
        )
    except YamlError as error:
        problems += error.problems
        return None


def _instruments(document: Document, data: dict[str, Any], problems: list[Problem]) -> dict[str, InstrumentSpec]:
    listed = data.get("instruments")
    if not isinstance(listed, dict) or not listed:
        problems.append(document.problem(("instruments",), "'instruments' must name at least one instrument by role"))
        return {}
    found: dict[str, InstrumentSpec] = {}
    for role, spec in listed.items():
        if role not in SPECS:
            problems.append(unknown_key(document, ("instruments", role), list(SPECS)))
        elif not isinstance(spec, dict):
            problems.append(
                document.problem(("instruments", role), "an instrument is a mapping such as {driver: …, address: …}")
            )
        else:
            read = _instrument(document, role, spec, problems)
            if read is not None:
                found[role] = read
    return found


def _instrument(document: Document, role: str, spec: dict[str, Any], problems: list[Problem]) -> InstrumentSpec | None:
    path = ("instruments", role)
    entry = _entry(document, role, spec, problems)
    if entry is None:
        return None
    model = instrument_model(role, entry)
    try:
        read = validate(document, model, path, spec)
    except YamlError as error:
        problems += error.problems
        return None
    options = entry.Options.model_construct(**{key: getattr(read, key) for key in entry.Options.model_fields})
    base = SPECS[role]
    return base.model_construct(**{key: getattr(read, key) for key in base.model_fields}).with_options(options)


def _entry(document: Document, role: str, spec: dict[str, Any], problems: list[Problem]) -> DriverEntry | None:
    path = ("instruments", role)
    if "driver" not in spec:
        known = ", ".join(drivers_of(driver_role(role)))
        problems.append(document.problem(path, f"key 'driver' is missing (allowed for {role}: {known})", at_key=True))
        return None
    try:
        entry = entry_of(role, str(spec["driver"]))
    except UnknownDriverError as error:
        problems.append(document.problem((*path, "driver"), str(error)))
        return None
    if entry.role != driver_role(role):
        known = ", ".join(drivers_of(driver_role(role)))
        text = f"{entry.name} drives another role, {entry.role} (allowed for {role}: {known})"
        problems.append(document.problem((*path, "driver"), text))
        return None
    return entry


def instrument_model(role: str, entry: DriverEntry) -> type[BaseModel]:
    """Return the model of one instrument's entry: its role's keys and its driver's own.

    Raises:
        TypeError: a driver has options that every instrument of its role has already.

    """
    base = SPECS[role]
    taken = {*base.model_fields} & {*entry.Options.model_fields}
    if taken:
        raise TypeError(f"driver {entry.name!r} has options that every {role} has already: {', '.join(sorted(taken))}")
    if not entry.needs_address:
        return create_model(f"{entry.name}_{role}", __base__=(base, entry.Options))
    address = base.model_fields["address"]
    required = Field(min_length=1, description=address.description, examples=address.examples)
    return create_model(f"{entry.name}_{role}", __base__=(base, entry.Options), address=(str, required))
