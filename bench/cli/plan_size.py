"""`pumpbench plan-size`: how many pumps, boluses or hours a claim needs, before anything is measured."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.quantities import Limit, Quantity, QuantityError, parse_concentration, parse_limit, parse_quantity

if TYPE_CHECKING:
    from bench.cli.arguments import Commands
    from bench.metrology.sample_size import Claim

DOSES = (1, 2, 5, 10, 25, 50, 100)
FAILURES = 4


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    size = commands.add_parser(
        "plan-size",
        help="how many pumps, boluses or hours a claim needs",
        description="How many items show a reliability (by counting); with --limit and --sd, how many pumps and "
        "boluses keep a tolerance interval within limits (by measuring); with --basal or --bolus, how long or how "
        "often a rig must weigh for an uncertainty.",
    )
    size.add_argument(
        "--reliability", type=share, default=0.95, metavar='"95 %"', help="share of doses (default 95 %%)"
    )
    size.add_argument("--confidence", type=share, default=0.95, metavar='"95 %"', help="(default 95 %%)")
    size.add_argument("--limit", type=ratio_limit, metavar='"±5 %"', help="of a dose's error")
    size.add_argument("--sd", type=_percent, metavar='"2 %"', help="foretold standard deviation of a pump's doses")
    size.add_argument("--bias", type=_percent, default=0.0, metavar='"1 %"', help="foretold mean error (default 0 %%)")
    size.add_argument("--pump-sd", type=_percent, metavar='"1 %"', help="foretold standard deviation between pumps")
    size.add_argument("--boluses", type=_count, metavar="N", help="boluses a pump gives (default: several are shown)")
    size.add_argument(
        "--power", type=share, default=0.9, metavar='"90 %"', help="chance that the study succeeds (default 90 %%)"
    )
    size.add_argument("--count", type=_count, metavar="N", help="what so many items show, with --failures of them")
    size.add_argument("--failures", type=int, default=0, metavar="C", help="(default 0)")
    weighing = size.add_mutually_exclusive_group()
    weighing.add_argument("--basal", type=_read(parse_quantity, "rate"), metavar='"1 U/h"', help="how many hours of it")
    weighing.add_argument("--bolus", type=_read(parse_quantity, "volume"), metavar='"1 U"', help="how many of it")
    size.add_argument("--uncertainty", type=_percent, metavar='"1 %"', help="wanted U (k = 2) of the mean error")
    size.add_argument("--rig", type=Path, metavar="FILE", help="rig file, for --basal and --bolus")
    size.add_argument("--insulin", type=_plain(parse_concentration), default="U-100", help="(default %(default)s)")
    size.add_argument("--json", action="store_true", help="print the answers as JSON")
    size.set_defaults(command=partial(_plan_size, size))


def _plan_size(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    _check(parser, options)
    answer: dict[str, Any] = {}
    try:
        if options.basal is not None or options.bolus is not None:
            answer["weighing"] = _weighing(options)
        elif options.count is not None:
            answer["shown"] = _shown(options)
        else:
            answer["counting"] = _counting(options)
            if options.limit is not None:
                answer["measuring"] = _measuring(options)
    except ValueError as error:
        parser.error(str(error))
    from bench.cli.plan_size_text import answer_text

    print(json.dumps(answer, indent=1, ensure_ascii=False) if options.json else answer_text(answer))
    return 0 if _possible(answer) else 1


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Refuse combinations that do not belong together."""
    weighing = options.basal is not None or options.bolus is not None
    if weighing and (options.uncertainty is None or options.rig is None):
        parser.error("--basal and --bolus need --uncertainty (such as '1 %') and --rig (a rig file)")
    if weighing and ((options.basal or options.bolus).value <= 0.0 or options.uncertainty <= 0.0):
        parser.error("what is delivered, and the wanted uncertainty, must be more than nothing")
    if not weighing and (options.uncertainty is not None or options.rig is not None):
        parser.error("--uncertainty and --rig belong to --basal or --bolus, such as --basal '1 U/h'")
    if weighing and (options.limit is not None or options.count is not None):
        parser.error("--basal and --bolus ask for a rig's uncertainty: leave out --limit and --count")
    if (options.limit is None) != (options.sd is None):
        parser.error("--limit (such as '±5 %') and --sd (such as '2 %') need each other")
    if options.boluses is not None and options.pump_sd is None:
        parser.error("--boluses needs --pump-sd: doses of one pump resemble each other ('0 %' where pumps are alike)")
    if options.limit is None and (options.pump_sd is not None or options.boluses is not None or options.bias):
        parser.error("--bias, --pump-sd and --boluses belong to --limit and --sd")
    if options.count is not None and options.limit is not None:
        parser.error("--count tells what was shown by counting: leave out --limit")
    if options.failures < 0 or (options.count is not None and options.failures > options.count):
        parser.error(f"--failures lies between 0 and --count, not {options.failures}")


def _counting(options: argparse.Namespace) -> dict[str, Any]:
    from bench.metrology.attributes import achieved_confidence, needed_count
    from bench.metrology.order_statistics import needed_values

    reliability, confidence = options.reliability, options.confidence
    counts = [needed_count(reliability, confidence, failures) for failures in range(FAILURES)]
    return {
        "reliability": reliability,
        "confidence": confidence,
        "plans": [
            {
                "failures": failures,
                "count": count,
                "confidence_reached": achieved_confidence(count, failures, reliability),
            }
            for failures, count in enumerate(counts)
        ],
        "least_to_greatest": needed_values(reliability, confidence),
    }


def _shown(options: argparse.Namespace) -> dict[str, Any]:
    from bench.metrology.attributes import achieved_confidence, clopper_pearson, demonstrated_reliability

    low, high = clopper_pearson(options.count, options.failures, options.confidence)
    return {
        "count": options.count,
        "failures": options.failures,
        "confidence": options.confidence,
        "reliability_shown": demonstrated_reliability(options.count, options.failures, options.confidence),
        "failing_share_interval": [low, high],
        "reliability_asked": options.reliability,
        "confidence_reached": achieved_confidence(options.count, options.failures, options.reliability),
    }


def _measuring(options: argparse.Namespace) -> dict[str, Any]:
    from bench.metrology.sample_size import Claim

    limit: Limit = options.limit
    lower, upper = limit.to("%")
    if lower is None or upper is None:
        raise ValueError(f"--limit {limit.text!r} has one side only: write both, such as '±5 %' or '-5 % to +10 %'")
    claim = Claim(
        lower, upper, options.reliability, options.confidence, options.bias, options.sd, options.pump_sd or 0.0
    )
    answer = {
        "limit": limit.text,
        "reliability": claim.coverage,
        "confidence": claim.confidence,
        "mean_error_percent": claim.mean,
        "sd_percent": claim.sd,
        "pump_sd_percent": options.pump_sd,
        "power": options.power,
        "room_percent": claim.room,
        "possible": claim.possible,
        "plans": [],
    }
    if claim.possible:
        doses = (options.boluses,) if options.boluses is not None else DOSES if options.pump_sd is not None else (1,)
        answer["plans"] = [_measured_plan(claim, each, options.power) for each in doses]
    return answer


def _measured_plan(claim: Claim, doses: int, power: float) -> dict[str, Any]:
    from bench.metrology.sample_size import expected_half_width, least_devices, success_probability
    from bench.metrology.tolerance import two_sided_factor

    expected, powered = least_devices(claim, doses), least_devices(claim, doses, power)
    plan: dict[str, Any] = {"boluses_each": doses, "by_expectation": expected, "by_power": powered}
    for name, devices in (("by_expectation", expected), ("by_power", powered)):
        if devices is not None:
            if doses == 1:
                plan[f"{name}_k"] = two_sided_factor(devices, claim.coverage, claim.confidence)
            plan[f"{name}_half_width_percent"] = expected_half_width(claim, devices, doses)
            plan[f"{name}_probability"] = success_probability(claim, devices, doses)
    return plan


def _weighing(options: argparse.Namespace) -> dict[str, Any]:
    from bench.procedures import registry
    from bench.procedures.sizing import basal_hours, bolus_count
    from bench.rig.load import load_rig

    rig = load_rig(options.rig, name=str(options.rig))
    what: Quantity = options.bolus if options.basal is None else options.basal
    ask = bolus_count if options.basal is None else basal_hours
    needs = ask(what, options.uncertainty, rig, options.insulin, registry())
    return {
        "what": f"{'boluses' if options.basal is None else 'basal'} of {what}",
        "amount_is": "boluses" if options.basal is None else "hours",
        "insulin": str(options.insulin),
        "rig": str(options.rig),
        "wanted_percent": options.uncertainty,
        "needs": [
            {
                "blank_min": need.blank_min,
                "amount": need.amount,
                "uncertainty_percent": need.uncertainty_percent,
                "words": need.words,
            }
            for need in needs
        ],
    }


def _possible(answer: dict[str, Any]) -> bool:
    """Return whether there is a way to what was asked for."""
    if "weighing" in answer:
        return any(need["amount"] is not None for need in answer["weighing"]["needs"])
    if "shown" in answer:
        return bool(answer["shown"]["confidence_reached"] >= answer["shown"]["confidence"])
    return "measuring" not in answer or any(plan["by_power"] is not None for plan in answer["measuring"]["plans"])


def _read(parse: Callable[[str, str], Any], dimension: str) -> Callable[[str], Any]:
    return _plain(lambda text: parse(text, dimension))


def _plain(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return parse(text)
        except QuantityError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def _percent(text: str) -> float:
    return float(_read(parse_quantity, "ratio")(text).to("%"))


def ratio_limit(text: str) -> Any:
    """Read a limit in percent from the command line."""
    return _read(parse_limit, "ratio")(text)


def share(text: str) -> float:
    """Read a share between 0 % and 100 % from the command line, as a number between 0 and 1."""
    percent = _percent(text)
    if not 0.0 < percent < 100.0:
        raise argparse.ArgumentTypeError(f"{text!r} lies not between 0 % and 100 %")
    return percent / 100.0


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of 1 or more")
    return int(text)
