"""The options of `pumpbench analyse FILE.csv`: how a file is to be read, and what was to be shown with it."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.importing.run import ImportOptions
    from bench.importing.settings import TestOptions

_SHORT_SETTINGS = ("rate", "volume", "count", "duration", "interval", "settle")
"""Settings that have an option of their own; `--set` reaches all."""
_BALANCE = ("readability", "repeatability", "linearity", "drift")
_NOT_OF_A_FILE = {"run", "json", "command", "monte_carlo", "output", "html", "without"}
_SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t"}


class UsageError(OSError):
    """Options that do not go together; the text says which."""


def add_import_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that a CSV file needs; a run's folder takes none of them."""
    what = parser.add_argument_group("what was to be shown", "a test of a plan, or the same by options (FILE.csv only)")
    what.add_argument("--plan", type=Path, metavar="FILE", help="plan file")
    what.add_argument("--test", metavar="ID", help="test of the plan; without --plan: the id that results will have")
    what.add_argument("--procedure", metavar="NAME", help="basal, bolus or occlusion; docs/procedures.md has them all")
    what.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="any setting of the procedure")
    for name in _SHORT_SETTINGS:
        what.add_argument(f"--{name}", metavar="VALUE", help=f"the same as --set {name}=VALUE")
    what.add_argument("--insulin", metavar="U-100", help="concentration that U converts by")
    what.add_argument("--basal-increment", metavar="VOLUME", help="what the pump meters a basal rate in: '0.05 U'")
    what.add_argument("--bolus-increment", metavar="VOLUME", help="what it meters a bolus in")
    what.add_argument("--delivery", metavar="KIND", help="pulsed or continuous (default: pulsed)")
    what.add_argument(
        "--accept", action="append", default=[], metavar="NAME=LIMIT", help="limit, such as mean_error='±5 %%'"
    )
    what.add_argument("--decision", metavar="RULE", help="as in a plan (default: guarded)")
    what.add_argument("--verifies", action="append", default=[], metavar="ID", help="requirement that is verified")
    what.add_argument("--title", help="for people")

    rig = parser.add_argument_group("what it was weighed with", "a rig file, or the balance's figures (FILE.csv only)")
    rig.add_argument("--rig", type=Path, metavar="FILE", help="rig file; no instrument is opened")
    for name in _BALANCE:
        rig.add_argument(f"--{name}", metavar="VALUE", help=f"the balance's {name}, as in a rig file")
    rig.add_argument(
        "--source-weighed", action="store_true", help="pump or reservoir was weighed: what it lost was delivered"
    )
    rig.add_argument("--evaporation", metavar="RATE", help="known loss of the vessel: '0.05 mg/h ± 0.05 mg/h'")
    rig.add_argument("--temperature", metavar="T", help="of air and liquid where the file has none: '23 °C ± 2 °C'")
    rig.add_argument("--simulated", action="store_true", help="nothing of the file was ever measured")

    when = parser.add_argument_group(
        "when it was delivered", "where the file has no event column; '30 min' counts as its time column does"
    )
    when.add_argument("--start", metavar="TIME", help="the basal rate was started")
    when.add_argument("--stop", metavar="TIME", help="the pump was stopped")
    when.add_argument("--blank", action="append", default=[], metavar="'TIME to TIME'", help="nothing was delivered")
    when.add_argument("--no-blank", action="store_true", help="what is before start and after stop is no blank")
    when.add_argument("--bolus-at", action="append", default=[], metavar="TIME", help="a bolus was commanded")
    when.add_argument("--bolus-every", metavar="DURATION", help="and then one every so often, --count in all")
    when.add_argument("--bolus-speed", metavar="RATE", help="how fast the pump delivers one (default: 15 µL/min)")

    read = parser.add_argument_group("how the file is written", "where its header does not tell (FILE.csv only)")
    read.add_argument(
        "--column", action="append", default=[], metavar="NAME=HEADER", help="mass=Weight; time=Date+Time joins two"
    )
    read.add_argument("--ignore", action="append", default=[], metavar="HEADER", help="a column that is passed over")
    read.add_argument("--unit", action="append", default=[], metavar="NAME=UNIT", help="mass=mg, time=min …")
    read.add_argument("--header", metavar="NAMES", help="for a file without header: time_s,mass_g,…")
    read.add_argument("--skip", type=int, default=0, metavar="LINES", help="lines before the header")
    read.add_argument("--separator", choices=sorted(_SEPARATORS), help="between the columns")
    read.add_argument("--decimal", choices=["comma", "point"], help="decimal sign")
    read.add_argument("--missing", action="append", default=[], metavar="WORD", help="says that there is no value")
    read.add_argument("--time-format", metavar="FORMAT", help="of dates: '%%d.%%m.%%Y %%H:%%M:%%S'")
    read.add_argument("--repeated-stamps", choices=["refuse", "mean"], default="refuse", help="(default: refuse)")
    read.add_argument("--event", action="append", default=[], metavar="WORD=EVENT", help="'pump on=basal commanded'")


def given(options: argparse.Namespace) -> dict[str, str]:
    """Return the options of a file that were given, as the user put them: for the record, and for a run's refusal."""
    shown = {}
    for name, value in sorted(vars(options).items()):
        if name in _NOT_OF_A_FILE or value in (None, [], False, 0) or (name, value) == ("repeated_stamps", "refuse"):
            continue
        texts = [str(each) for each in value] if isinstance(value, list) else [str(value)]
        if isinstance(value, Path):
            texts = [value.name]
        shown["--" + name.replace("_", "-")] = "; ".join(texts) if value is not True else "yes"
    return shown


def import_options(options: argparse.Namespace) -> ImportOptions:
    """Return what the options say.

    Raises:
        UsageError: some do not go together, or lack their `=`.

    """
    from bench.importing.delivery import Instants
    from bench.importing.layout import ReadOptions
    from bench.importing.run import BOLUS_SPEED, ImportOptions

    _refuse_contradictions(options)
    read = ReadOptions(
        columns=_pairs("--column", options.column),
        units=_pairs("--unit", options.unit),
        separator=_SEPARATORS.get(options.separator),
        decimal=options.decimal,
        skip=options.skip,
        header=tuple(name.strip() for name in options.header.split(",")) if options.header else (),
        missing=frozenset(options.missing),
        time_format=options.time_format,
        repeated=options.repeated_stamps,
        words=_pairs("--event", options.event),
        ignored=tuple(name.strip() for name in options.ignore),
    )
    instants = Instants(
        start=options.start,
        stop=options.stop,
        blanks=tuple(_span(text) for text in options.blank),
        no_blank=options.no_blank,
        boluses=tuple(options.bolus_at),
        bolus_every=options.bolus_every,
        bolus_count=int(options.count) if options.count and options.count.isdecimal() else None,
    )
    return ImportOptions(
        read=read,
        instants=instants,
        plan_file=options.plan,
        test_id=options.test,
        test=None if options.plan is not None else _test(options),
        rig_file=options.rig,
        balance={name: getattr(options, name) for name in _BALANCE if getattr(options, name) is not None},
        rig_more={},
        evaporation=options.evaporation,
        bolus_speed=options.bolus_speed or BOLUS_SPEED,
        simulated=options.simulated,
        source_weighed=options.source_weighed,
        shown=given(options),
    )


def _refuse_contradictions(options: argparse.Namespace) -> None:
    by_plan = [
        *_SHORT_SETTINGS,
        "procedure",
        "set",
        "insulin",
        "accept",
        "decision",
        "temperature",
        "title",
        "verifies",
    ]
    by_plan += ["basal_increment", "bolus_increment", "delivery"]
    # How many boluses the options place is no setting of the test.
    allowed = {"count"} if options.bolus_every else set()
    for present, names, where in ((options.plan, by_plan, "--plan"), (options.rig, _BALANCE, "--rig")):
        twice = [f"--{name.replace('_', '-')}" for name in names if getattr(options, name) and name not in allowed]
        if present is not None and twice:
            raise UsageError(f"{where} says what {', '.join(twice)} would say: leave one out")
    if options.bolus_every and not options.bolus_at:
        raise UsageError("--bolus-every counts from the first bolus: say when that was by --bolus-at '10 min'")


def _test(options: argparse.Namespace) -> TestOptions | None:
    from bench.importing.settings import TestOptions

    if options.procedure is None:
        return None
    settings = _pairs("--set", options.set)
    settings |= {name: getattr(options, name) for name in _SHORT_SETTINGS if getattr(options, name) is not None}
    pump = {
        "insulin": options.insulin,
        "basal_increment": options.basal_increment,
        "bolus_increment": options.bolus_increment,
        "delivery": options.delivery,
    }
    return TestOptions(
        procedure=options.procedure,
        id=options.test or options.procedure.upper(),
        title=options.title or f"{options.run.name}, imported",
        settings=settings,
        pump={key: value for key, value in pump.items() if value is not None},
        accept=_pairs("--accept", options.accept),
        conditions={"temperature": options.temperature} if options.temperature else {},
        decision=options.decision or "guarded",
        verifies=tuple(options.verifies),
    )


def _pairs(option: str, texts: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name.strip() or not value.strip():
            raise UsageError(f"{option} {text!r} lacks its '=': NAME=VALUE is meant")
        if name.strip() in found:
            raise UsageError(f"{option} says {name.strip()} twice")
        found[name.strip()] = value.strip()
    return found


def _span(text: str) -> tuple[str, str]:
    sides: Sequence[str] = text.split(" to ")
    if len(sides) != 2:
        raise UsageError(f"--blank {text!r} is no span: '0 min to 30 min' is meant")
    return sides[0].strip(), sides[1].strip()
