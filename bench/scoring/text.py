"""A score in words: for the terminal, and as a page in Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from bench.scoring.model import FalseAlarm, FaultScore, Outcome, Score, Tried

_SHORT = 160
_INTRODUCTION = """\
Every fault that the [twin](twin.md) can have is seeded into a simulated pump, line or rig, and the tests of {plans}
are run on it, on rig `{rig}`: does the test that was made for a fault catch it? The same tests are run on healthy
pumps: does any of them cry wolf?
"""
_RULES = """
A fault of the pump or its line is *caught* by the verdict fail, with words that tell of it. A fault of the rig
(balance, vessel, occluder, sensor, room, wire) is caught by any verdict but pass, with words that tell of it:
inconclusive doubts the rig, and error ends the test. Where a fault of the rig makes a test *fail*, a healthy pump is
blamed, which is listed as a false blame; procedures `blank` and `check` judge the rig, so that their fail blames no
pump. A test that asks for a reference doser has one beside the pump. Here each test is run by itself. In a run of the
plan a failed `check` makes the other tests inconclusive ([decision-rules.md](decision-rules.md)), so that where one
fails, too, the blame is *withdrawn*. Every setting of a fault is a row of its own; one without settings in brackets has
its defaults.
"""


def summary(score: Score) -> Iterator[str]:
    """Give the lines that a terminal is told: every fault, then what went wrong, then the score."""
    for fault in score.faults:
        yield f"{fault.outcome.value:<16} {label(fault):<46} {_said_by(fault) or '; '.join(fault.lacking)}"
    yield ""
    yield from findings(score)
    yield from tally(score)


def tally(score: Score) -> Iterator[str]:
    """Give the score itself in a few lines."""
    counts = {outcome: len(score.having(outcome)) for outcome in Outcome}
    told = ", ".join(f"{count} {outcome.value}" for outcome, count in counts.items() if count)
    blamed = sum(bool(fault.false_blames) for fault in score.faults)
    withdrawn = sum(bool(fault.withdrawn) for fault in score.faults)
    yield f"{_of(len(score.faults), 'fault')}: {told}; {_of(blamed, 'fault')} of the rig falsely blamed on the pump"
    if withdrawn:
        yield f"{_of(withdrawn, 'fault')} of the rig where a failed check of the bench withdraws such a blame"
    yield (
        f"{_of(score.healthy, 'healthy pump')}, {_of(score.healthy_runs, 'run')}: "
        + (_of(len(score.false_alarms), "false alarm") if score.healthy else "of false alarms nothing is known")
    )


def findings(score: Score) -> Iterator[str]:
    """Give every thing that a score of full marks would not have."""
    for fault in score.faults:
        if fault.outcome is Outcome.UNTRIED:
            yield f"not tried: {label(fault)}: {'; '.join(fault.lacking)}"
        elif fault.outcome is Outcome.SLIPPED:
            yield f"slipped through: {label(fault)} ({fault.what}): {_ids([*fault.own, *fault.others])} passed"
        elif fault.outcome is not Outcome.CAUGHT:
            missed = [f"{each.test} {_verdict(each)}: {_short(each.reason)}" for each in fault.missed_by]
            yield f"{fault.outcome.value}: {label(fault)}: {'; '.join([*missed, *fault.lacking])}"
    for fault in score.faults:
        for each in fault.false_blames:
            yield f"falsely blamed: {label(fault)} made {each.test} fail a healthy pump: {_short(each.reason)}"
    for alarm in score.false_alarms:
        yield alarm_text(alarm)
    for words in score.left_out:
        yield f"left out: {words}"


def alarm_text(alarm: FalseAlarm) -> str:
    """Return a false alarm with test, measurements and seed."""
    said = alarm.tried
    what = f" ({', '.join(said.not_met)})" if said.not_met else ""
    return f"false alarm: {said.test}{what} of healthy pump {alarm.seed}: {said.verdict.value}: {_short(said.reason)}"


def label(fault: FaultScore) -> str:
    """Return a fault's name with what was set otherwise than by default."""
    return f"{fault.fault} ({fault.settings})" if fault.settings else fault.fault


def markdown(score: Score, command: str) -> str:
    """Return the score as a page; `command` makes it."""
    return "\n".join(_page(score, command)) + "\n"


def _page(score: Score, command: str) -> Iterator[str]:
    plans = ", ".join(f"`{plan}`" for plan in score.plans)
    yield from ("# The seeded-fault score", "", f"Made by `{command}`. Everything here is simulated.", "")
    yield _INTRODUCTION.format(plans=plans, rig=score.rig)
    yield from (f"- {line}." for line in tally(score))
    yield f"- Pump {score.seed} had the faults. The healthy ones count from there, each with a room, a balance, a line"
    yield "  and errors of its own."
    if score.own_only:
        yield "- Each fault was tried by the tests known to see it alone; what others would say is not known from here."
    yield _RULES
    told = list(findings(score))
    yield from ("## What is not as it should be", "")
    yield from (f"- {_cell(line)}" for line in told)
    if not told:
        yield "Nothing."
    yield from ("", "## Faults", "")
    yield "| fault | what it does | test made for it | verdict | outcome | also caught by |"
    yield "|---|---|---|---|---|---|"
    for fault in score.faults:
        own = "<br>".join(each.test for each in fault.own) or "–"
        verdicts = "<br>".join(_verdict(each) for each in fault.own) or _cell("; ".join(fault.lacking))
        blame = _blame(fault)
        also = _ids(fault.also) or ("not tried" if score.own_only else "–")
        yield (
            f"| `{fault.fault}`{f' ({fault.settings})' if fault.settings else ''} | {fault.place}: {_cell(fault.what)} "
            f"| {own} | {verdicts} | {fault.outcome.value}{blame} | {also} |"
        )


def _of(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _said_by(fault: FaultScore) -> str:
    own = ", ".join(f"{each.test} {_verdict(each)}" for each in fault.own)
    also = _ids(fault.also)
    blame = "; PUMP FALSELY BLAMED" if fault.false_blames else ""
    return own + (f"; also {also}" if also and own else f"by {also}" if also else "") + blame


def _blame(fault: FaultScore) -> str:
    told = f"; blame by {_ids(fault.withdrawn)} withdrawn" if fault.withdrawn else ""
    return (", **pump falsely blamed**" if fault.false_blames else "") + told


def _verdict(tried: Tried) -> str:
    return tried.verdict.value + ("" if tried.named or tried.passed else ", not named")


def _ids(tried: list[Tried]) -> str:
    return ", ".join(each.test for each in tried)


def _short(text: str) -> str:
    line = text.splitlines()[0] if text else ""
    if len(line) <= _SHORT:
        return line
    # Between two limits, or else between two words, and never within a number.
    end = line.rfind("; ", 0, _SHORT)
    return f"{line[: end + 1 if end > 0 else line.rfind(' ', 0, _SHORT)].rstrip()} …"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").rstrip(".")
