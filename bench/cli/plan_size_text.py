"""The answers of `pumpbench plan-size` in words, with their arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.metrology.rounding import number


def answer_text(answer: dict[str, Any]) -> str:
    """Return all answers that there are."""
    makers = {"counting": _counting, "shown": _shown, "measuring": _measuring, "weighing": _weighing}
    return "\n\n".join(make(answer[name]) for name, make in makers.items() if name in answer)


def _counting(answer: dict[str, Any]) -> str:
    reliability, confidence = answer["reliability"], answer["confidence"]
    rows = [("failures allowed", "items needed", "confidence reached", "")]
    for plan in answer["plans"]:
        count = plan["count"]
        risk = number(1.0 - plan["confidence_reached"], 4)
        why = (
            f"{number(reliability, 6)}^{count} = {risk} ≤ {number(1.0 - confidence, 4)}" if not plan["failures"] else ""
        )
        rows.append((str(plan["failures"]), str(count), _share(plan["confidence_reached"]), why))
    return "\n".join(
        [
            f"By counting: {_share(reliability)} of all doses keep their limit, with {_share(confidence)} confidence.",
            *_table(rows),
            "Items must be independent: pumps or set-ups, not doses of one pump, unless the claim is about that pump.",
            f"Least and greatest of {answer['least_to_greatest']} measured items hold {_share(reliability)} of all"
            f" doses with {_share(confidence)} confidence, whatever their distribution.",
        ]
    )


def _shown(answer: dict[str, Any]) -> str:
    low, high = answer["failing_share_interval"]
    confidence, reached = answer["confidence"], answer["confidence_reached"]
    enough = "shown" if reached >= confidence else "NOT shown"
    return "\n".join(
        [
            f"{answer['failures']} failures among {answer['count']} items show a reliability of at least"
            f" {_share(answer['reliability_shown'])} with {_share(confidence)} confidence.",
            f"The failing share lies between {_share(low)} and {_share(high)} ({_share(confidence)}, Clopper–Pearson).",
            f"A reliability of {_share(answer['reliability_asked'])} is shown with {_share(reached)} confidence:"
            f" {enough} with {_share(confidence)}.",
        ]
    )


def _measuring(answer: dict[str, Any]) -> str:
    between = answer["pump_sd_percent"]
    scatter = f"SD {number(answer['sd_percent'])} %"
    if between is not None:
        scatter = f"SD within a pump {number(answer['sd_percent'])} %, between pumps {number(between)} %"
    lines = [
        f"By measuring: a tolerance interval for {_share(answer['reliability'])} of all doses with"
        f" {_share(answer['confidence'])} confidence within {answer['limit']}.",
        f"Foretold: mean error {number(answer['mean_error_percent'])} %, {scatter}. The mean is"
        f" {number(answer['room_percent'])} % away from the nearer limit.",
    ]
    if not answer["possible"]:
        return "\n".join(
            [
                *lines,
                f"NO number of pumps can show this: of such a population less than {_share(answer['reliability'])} of"
                " the doses lie within the limit. Less scatter, less mean error or a wider limit would do.",
            ]
        )
    unit = "pumps" if between is not None else "items"
    heads = (f"{unit}, as foretold", "interval", f"{unit}, {_share(answer['power'])} power", "interval, expected")
    rows: list[tuple[str, ...]] = [("boluses each", *heads)]
    rows += [_measured_row(plan) for plan in answer["plans"]]
    lines += _table(rows)
    first = next((plan for plan in answer["plans"] if plan["by_expectation"] is not None), None)
    if first is not None:
        chance = first["by_expectation_probability"]
        lines.append(
            f"As foretold: mean and scatter turn out just so, which they seldom do; {first['by_expectation']} {unit}"
            f" with {_plural(first['boluses_each'], 'bolus', 'boluses')} each succeed with a probability of"
            f" {_share(chance)} only. Plan with the column of power."
        )
    if between is None:
        for name, word in (("by_expectation", "As foretold"), ("by_power", "With that power")):
            lines += _factor_words(answer, answer["plans"][0], name, word)
        lines.append(
            "Items must be independent: one dose from each pump. For several doses a pump, state --pump-sd"
            " and --boluses."
        )
    return "\n".join(lines)


def _measured_row(plan: dict[str, Any]) -> tuple[str, ...]:
    cells = [str(plan["boluses_each"])]
    for name in ("by_expectation", "by_power"):
        found = plan[name]
        cells.append("none do" if found is None else str(found))
        cells.append("" if found is None else f"± {number(plan[f'{name}_half_width_percent'], 3)} % of the mean")
    return tuple(cells)


def _factor_words(answer: dict[str, Any], plan: dict[str, Any], name: str, word: str) -> list[str]:
    """Return the arithmetic of one item after another: k · SD against the room that is left."""
    if plan[name] is None:
        return []
    factor, sd, room = plan[f"{name}_k"], answer["sd_percent"], answer["room_percent"]
    return [
        f"{word}: k = {factor:.4f} for {plan[name]} items, so k·SD = {number(factor * sd)} % of the {number(room)} %"
        " that there are."
    ]


def _weighing(answer: dict[str, Any]) -> str:
    unit, needs = answer["amount_is"], answer["needs"]
    lines = [
        f"By weighing: U (k = 2) of the mean error at most {number(answer['wanted_percent'])} %, for {answer['what']}"
        f" ({answer['insulin']}) on {answer['rig']}."
    ]
    rows = [("blanks of", unit, "U", "arithmetic")]
    for need in needs:
        amount = "none do" if need["amount"] is None else str(need["amount"])
        rows.append(
            (f"{need['blank_min']:g} min", amount, f"{number(need['uncertainty_percent'], 3)} %", need["words"])
        )
    lines += _table(rows)
    if all(need["amount"] is None for need in needs):
        lines.append(
            "This rig cannot: the largest standard uncertainty above says where to begin (a balance with a finer"
            " repeatability, an evaporation that is smaller or better known, a calibration with a smaller U), or"
            " weigh more liquid."
        )
    else:
        lines.append("What the pump itself scatters comes on top; it is in the spread of the results, not in U.")
    return "\n".join(lines)


def _share(share: float) -> str:
    return f"{number(100.0 * share, 4)} %"


def _plural(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return ["  " + "  ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
