"""The way to the safe state where a person works the pump: nothing else waits for him, and nobody asks him for ever."""

from __future__ import annotations

from typing import Any

import pytest

from bench.rig.safe import UnsafeError, make_safe
from drivers.errors import NoReplyError
from drivers.roles import CarriedOut, CarriesOutByHand, DeliveryState, Identity


class Bench:
    """What was done, in order; the operator answers, does not, or somebody presses Ctrl-C first."""

    def __init__(self, *answers: BaseException | None) -> None:
        self.done: list[str] = []
        self.events: list[dict[str, Any]] = []
        self.answers = list(answers)

    def record(self, kind: str, /, **data: Any) -> None:
        self.events.append({"kind": kind, **data})

    def identify(self) -> Identity:
        return Identity("", "", "", "")

    def close(self) -> None: ...


class Pump(Bench):
    def stop(self) -> None:
        self.done.append("asked to stop the pump")
        answer = self.answers.pop(0)
        if answer is not None:
            raise answer

    def state(self) -> DeliveryState:
        return DeliveryState.STOPPED

    def carried_out(self) -> CarriedOut | None:
        return None


class Line:
    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def release(self) -> None:
        self._bench.done.append("line opened")

    def identify(self) -> Identity:
        return Identity("", "", "", "")

    def close(self) -> None: ...


SILENT = NoReplyError("operator", "did not answer")


def test_the_line_is_opened_before_anybody_is_asked() -> None:
    bench = Pump(None)
    assert isinstance(bench, CarriesOutByHand)
    make_safe({"pump": bench, "occluder": Line(bench)}, "test ended", bench.record)
    assert bench.done == ["line opened", "asked to stop the pump"]
    assert bench.events[0]["safe"] is True


def test_an_operator_who_did_not_answer_is_not_asked_again() -> None:
    bench = Pump(SILENT)
    with pytest.raises(UnsafeError, match=r"pump is not stopped: .*did not answer\. Stop it by hand now\.$"):
        make_safe({"pump": bench, "occluder": Line(bench)}, "test ended", bench.record)
    assert bench.done.count("asked to stop the pump") == 1


def test_an_interrupted_question_is_asked_again() -> None:
    bench = Pump(KeyboardInterrupt(), None)
    with pytest.raises(KeyboardInterrupt):
        make_safe({"pump": bench, "occluder": Line(bench)}, "test ended", bench.record)
    assert bench.done == ["line opened", "asked to stop the pump", "asked to stop the pump"]
    assert bench.events[0]["safe"] is True
