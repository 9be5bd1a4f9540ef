"""Every driver of the tree conforms on the simulated bench, and one that does not is found out."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bench.cli import main
from bench.cli.conform import _subject
from bench.conform.model import Subject
from bench.conform.suite import run_suite
from drivers import registry
from drivers.balance.mettler_mt_sics import MettlerMtSics
from drivers.errors import LinkError
from drivers.occluder.numato_relay import NumatoRelay
from drivers.pump.scpi_insulin_pump import ScpiInsulinPump
from drivers.registry import driver
from drivers.roles import DeliveryState, Reading

OF_THE_SIMULATED_BENCH = (
    "line_terminal",
    "mettler_mt_sics",
    "numato_gpio",
    "numato_relay",
    "scpi_dmm",
    "scpi_insulin_pump",
    "scpi_supply",
    "vaisala_ptu300",
)


@pytest.mark.parametrize("name", OF_THE_SIMULATED_BENCH)
def test_a_driver_conforms_on_the_simulated_bench(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conform", name, "sim", "--deliver"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"driver {name} (")
    assert "FAILED" not in printed
    assert "  ok        identity " in printed


def test_a_clinical_pump_conforms_at_rates_that_it_has(capsys: pytest.CaptureFixture[str]) -> None:
    told = ["--bolus-ul", "60", "--rate-ul-per-h", "2000", "--option", "bolus_rate=10 mL/h"]
    assert main(["conform", "alaris_asena", "sim", "--emulator", "alaris_asena", "--deliver", *told]) == 0
    printed = capsys.readouterr().out
    for name in ("stop", "alarms", "basal counted", "bolus", "bolus cancelled", "line pressure", "silence", "garbage"):
        assert f"  ok        {name} " in printed


WITH_ANOTHER_EMULATOR: dict[str, tuple[str, list[str]]] = {
    "keller_bus": ("keller", ["reference=gauge"]),
    "omega_px409": ("px409", []),
    "scpi_switch": ("scpi_switch", ["channel=101"]),
}
"""Drivers of instruments that the simulated bench has by another name, and what a rig file must say of them."""


@pytest.mark.parametrize("name", WITH_ANOTHER_EMULATOR)
def test_a_driver_conforms_on_another_emulator(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    emulator, options = WITH_ANOTHER_EMULATOR[name]
    given = [word for each in options for word in ("--option", each)]
    assert main(["conform", name, "sim", "--deliver", "--emulator", emulator, *given]) == 0
    printed = capsys.readouterr().out
    assert "FAILED" not in printed
    assert "  ok        identity " in printed


def test_without_deliver_nothing_moves(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conform", "scpi_insulin_pump", "sim"]) == 0
    printed = capsys.readouterr().out.splitlines()
    stop = next(row for row, line in enumerate(printed) if " stop " in line)
    assert printed[stop].startswith("  left out  stop")
    assert printed[stop + 1].strip() == "moves or changes something: only with --deliver"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["scpi_insulin_pmup", "sim"], "did you mean 'scpi_insulin_pump'"),
        (["scpi_dmm", "socket://127.0.0.1:1"], "scale: Field required"),
        (["scpi_dmm", "sim", "--option", "scale"], "KEY=VALUE is meant"),
        (["scpi_dmm", "sim", "--emulator", "teapot"], "teapot"),
    ],
)
def test_what_cannot_be_checked_is_refused(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conform", *arguments]) == 2
    assert says in capsys.readouterr().err


def test_an_instrument_that_is_not_there_fails_to_open(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conform", "numato_relay", "/dev/serial/by-id/none"]) == 1
    assert "FAILED    opening" in capsys.readouterr().out


# -- drivers that do not do what their role asks


@contextlib.contextmanager
def subject_of(name: str, instrument: type, monkeypatch: pytest.MonkeyPatch) -> Iterator[Subject]:
    """Return a driver's subject on the simulated bench, with another class in its place."""
    entry = driver(name)

    def factory(*arguments: Any, **named: Any) -> Any:
        made = entry.factory(*arguments, **named)
        made.__class__ = instrument
        return made

    changed = replace(entry, instrument=instrument, factory=factory, reopen=None)
    known = {**registry.all_drivers(), name: changed}
    monkeypatch.setattr(registry, "all_drivers", functools.cache(lambda: known))
    from argparse import Namespace

    options = Namespace(
        address="sim", option=[], emulator=None, visa="@py", bolus_ul=5.0, rate_ul_per_h=20.0, patience=300.0
    )
    with _subject(changed, options) as subject:
        yield subject


class GoesOnAfterStop(ScpiInsulinPump):
    def stop(self) -> None:
        pass


class CountsInUnits(ScpiInsulinPump):
    def delivered_ul(self) -> float:
        return super().delivered_ul() / 10.0


class GivesAlarmsTwice(ScpiInsulinPump):
    def take_alarms(self) -> list[Any]:
        from drivers.roles import Alarm

        return [Alarm(7, "OCCLUSION", "again", 0.0, 0.0)]


class SaysBasal(ScpiInsulinPump):
    def state(self) -> DeliveryState:
        return "BAS"  # type: ignore[return-value]


class StampsByAnotherClock(MettlerMtSics):
    def read(self) -> Reading:
        return replace(super().read(), time_s=1.7e9)


class NeverStable(MettlerMtSics):
    def read_stable(self) -> Reading:
        return replace(super().read(), status="dynamic")


class CrashesOnNothing(MettlerMtSics):
    def next_reading(self, deadline_s: float) -> Reading | None:
        found = super().next_reading(deadline_s)
        return Reading(found.time_s, float("nan"), "stable", "") if found else None


class IsAlwaysOpen(NumatoRelay):
    def is_occluded(self) -> bool:
        return False


class AnswersAnything(NumatoRelay):
    def identify(self) -> Any:
        return self._session.ask("id get")


class DatesByAnotherClock(NumatoRelay):
    def moved_between_s(self) -> tuple[float, float] | None:
        return 1.7e9, 1.7e9 + 1.0


class LosesItsLink(NumatoRelay):
    def is_occluded(self) -> bool:
        raise LinkError("occluder", "the cable is out")


@pytest.mark.parametrize(
    ("name", "kind", "check", "says"),
    [
        ("scpi_insulin_pump", GoesOnAfterStop, "basal", "after stop() it says that it is 'basal'"),
        ("scpi_insulin_pump", CountsInUnits, "basal counted", "is the rate in µL/h, the count in µL?"),
        ("scpi_insulin_pump", CountsInUnits, "bolus", "are volumes in µL?"),
        ("scpi_insulin_pump", GivesAlarmsTwice, "alarms", "was given twice"),
        ("scpi_insulin_pump", SaysBasal, "state", "no DeliveryState"),
        ("mettler_mt_sics", StampsByAnotherClock, "weighing", "was read between"),
        ("mettler_mt_sics", NeverStable, "settling", "a reading that is dynamic"),
        ("mettler_mt_sics", CrashesOnNothing, "streaming", "a reading of nan has status 'stable'"),
        ("numato_relay", IsAlwaysOpen, "switching", "told to be shut, it reads otherwise"),
        ("numato_relay", DatesByAnotherClock, "contact", "its valve moved between 1700000000.000 s"),
        ("numato_relay", AnswersAnything, "identity", "no Identity"),
        ("numato_relay", LosesItsLink, "state", "the cable is out"),
    ],
)
def test_a_driver_that_does_not_conform_is_found_out(
    name: str, kind: type, check: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with subject_of(name, kind, monkeypatch) as subject:
        results = {result.check.name: result for result in run_suite(subject, deliver=True)}
    assert results[check].outcome == "FAILED"
    assert says in results[check].why
