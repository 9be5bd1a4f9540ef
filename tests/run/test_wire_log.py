"""The wire log of a run: in the recording and as text, by role, and nothing of a confidential driver."""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bench.clock import Clock
from bench.recording.reader import RecordingReader
from bench.results.model import Verdict
from bench.rig.confidential import keep_back
from bench.rig.open import RigOpenError
from drivers import registry
from drivers.errors import GarbledReplyError, InstrumentError
from drivers.link import WireLog
from drivers.registry import driver
from drivers.roles import Balance, DeliversBasal, HasWatchdog, Pump, RaisesAlarms, Reading
from tests.run.conftest import Made

Make = Callable[..., Made]
LINE = re.compile(r" *(\d+\.\d{6}) (\S+) (tx|rx) ([0-9a-f]{2}(?: [0-9a-f]{2})*) (\S.*)")


def run_one(made: Made) -> None:
    made.session.open()
    try:
        made.session.run_test(made.plan.tests[1])
    finally:
        made.session.close()


def as_confidential(monkeypatch: pytest.MonkeyPatch, name: str, **changes: Any) -> None:
    """Let the driver called `name` be confidential."""
    known = {**registry.all_drivers(), name: replace(driver(name), confidential=True, **changes)}
    monkeypatch.setattr(registry, "all_drivers", functools.cache(lambda: known))


def test_every_byte_stands_in_the_folder_as_hex_and_text_with_run_time_and_utc(make_run: Make) -> None:
    made = make_run(wire_log=True)
    run_one(made)
    assert sorted(path.name for path in made.folder.glob("wire-*.log")) == [
        f"wire-{role}.log" for role in ("balance", "climate", "occluder", "pressure", "pump")
    ]
    head, columns, third, *lines = (made.folder / "wire-pump.log").read_text(encoding="ascii").splitlines()
    assert head == "# SIMULATED"
    assert columns == "# pump: driver scpi_insulin_pump at TCPIP0::pump.twin::5025::SOCKET"
    assert "UTC" in third
    read = []
    for line in lines:
        found = LINE.fullmatch(line)
        assert found, line
        time_s, utc, direction, hexed, text = found.groups()
        data = bytes.fromhex(hexed)
        assert text.encode().decode("unicode_escape").encode("latin-1") == data
        assert utc == made.clock.utc(float(time_s)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        read.append((float(time_s), "pump", direction, data))
    with RecordingReader(made.folder / "recording.sqlite") as recording:
        kept = recording.wire("pump")
    assert [each[1:] for each in read] == [each[1:] for each in kept]
    assert [each[0] for each in read] == pytest.approx([each[0] for each in kept], abs=1e-6)
    assert (read[0][2], read[0][3]) == ("tx", b"*CLS\n")
    assert dt.datetime.fromisoformat(LINE.fullmatch(lines[0])[2]).year == 2026  # type: ignore[index]


def test_only_the_instruments_that_are_named_are_logged(make_run: Make) -> None:
    made = make_run(wire_log={"balance"})
    run_one(made)
    assert [path.name for path in made.folder.glob("wire-*.log")] == ["wire-balance.log"]
    with RecordingReader(made.folder / "recording.sqlite") as recording:
        assert {name for _, name, _, _ in recording.wire()} == {"balance"}


def test_without_asking_there_is_no_file(make_run: Make) -> None:
    made = make_run()
    run_one(made)
    assert list(made.folder.glob("wire-*.log")) == []


def test_nothing_of_a_confidential_driver_is_logged_or_told(make_run: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    as_confidential(monkeypatch, "mettler_mt_sics")
    made = make_run(wire_log=True, faults="{fault: garbled_line, instrument: balance, first: 3 min}")
    made.session.open()
    result = made.session.run_test(made.plan.tests[1])
    made.session.close()
    assert result.verdict is Verdict.ERROR
    assert "lost while it was recorded" in result.reason
    assert "b'" not in result.reason
    log = (made.folder / "wire-balance.log").read_text(encoding="ascii")
    assert log.splitlines()[-1] == "# Nothing is logged: the driver is confidential."
    with RecordingReader(made.folder / "recording.sqlite") as recording:
        assert recording.wire("balance") == []
        assert recording.wire("pump") != []
        assert all("b'" not in str(event.data.get("problem", "")) for event in recording.events("gap"))
        query = "SELECT DISTINCT text FROM samples JOIN channels ON channel = id WHERE name = 'balance.mass_g'"
        assert recording._connection.execute(query).fetchall() == [("",)]


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            GarbledReplyError("pump at x", "no state", sent=b"\x02KEY\x03", seen=b"\x02NO\x03", advice="Look."),
            "no state. Look.",
        ),
        (ValueError("invalid literal: b'KEY'"), "its driver failed with ValueError"),
    ],
)
def test_a_confidential_driver_that_cannot_be_opened_tells_no_bytes(
    make_run: Make, monkeypatch: pytest.MonkeyPatch, error: Exception, says: str
) -> None:
    def refuse(
        address: str, options: Any, clock: Clock, wire_log: WireLog | None = None, visa_library: str = "@py"
    ) -> Any:
        assert wire_log is None
        raise error

    as_confidential(monkeypatch, "scpi_insulin_pump", factory=refuse)
    with pytest.raises(RigOpenError) as caught:
        make_run(wire_log=True).session.open()
    assert says in str(caught.value)
    assert "KEY" not in str(caught.value)


class VendorPump:
    """A pump whose driver tells more than it should."""

    concentration_u_per_ml = 100.0

    def stop(self) -> None:
        raise GarbledReplyError("pump", "says something else", sent=b"SECRET", seen=b"SECRET")

    def start_basal(self, rate_ul_per_h: float) -> None:
        raise KeyError(f"SECRET {rate_ul_per_h}")

    def identify(self) -> str:
        return "answer"

    def state(self) -> Reading:
        return Reading(1.0, 2.0, "ok", "SECRET")

    def close(self) -> None: ...


def test_a_stand_in_has_what_its_instrument_has_and_keeps_bytes_back() -> None:
    pump: Any = keep_back(VendorPump(), "pump")
    has = [isinstance(pump, role) for role in (Pump, DeliversBasal, HasWatchdog, RaisesAlarms, Balance)]
    assert has == [True, True, False, False, False]
    assert pump.concentration_u_per_ml == 100.0
    assert pump.identify() == "answer"
    assert pump.state() == Reading(1.0, 2.0, "ok", "")
    with pytest.raises(GarbledReplyError, match="pump: says something else") as told:
        pump.stop()
    with pytest.raises(InstrumentError, match="failed with KeyError") as other:
        pump.start_basal(3.0)
    for caught in (told.value, other.value):
        assert (caught.sent, caught.seen, caught.__context__, caught.__cause__) == (None, None, None, None)
        assert "SECRET" not in str(caught)
