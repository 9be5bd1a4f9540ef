"""`pumpbench discover` names what answers at ports and prints rig lines that can be pasted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from bench.cli import main
from bench.cli.discover import told
from bench.clock import RealClock
from bench.rig import discover
from bench.rig.discover import Found, Place, look, places
from bench.rig.load import load_rig
from bench.rig.open import open_rig
from drivers.asking import Answered
from drivers.link import SerialLine
from tests.drivers.peers import PtyPeer
from tests.system.served import Served, serving

ROLES = ("balance", "occluder", "climate")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving() as made:
        yield made


def test_rig_lines_are_ready_to_paste(served: Served, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = [word for role in ROLES for word in ("--port", served.address(role))]
    assert main(["discover", *arguments, "--port", served.address("pump")]) == 0
    printed = capsys.readouterr().out
    assert "balance: serial number SIM-BALANCE-1 (mettler_mt_sics: Mettler Toledo" in printed
    assert "line 4800 7E1" in printed
    lines = printed.partition("# for a rig file:\n")[2]
    assert "readability: 0.01 mg # CORRECT THIS" in lines
    rig_file = tmp_path / "rig.yaml"
    rig_file.write_text(f"rig: found\n{lines}", encoding="utf-8")
    rig = load_rig(rig_file)
    assert {role: spec.serial_number for role, spec in rig.instruments.items()} == {
        "balance": "SIM-BALANCE-1",
        "occluder": "SIM-RELA",
        "climate": "SIM-PTU-1",
        "pump": "SIM-PUMP-1",
    }
    with open_rig(rig, RealClock()) as opened:
        assert set(opened.instruments) == {*ROLES, "pump"}


def test_a_port_that_is_skipped_is_not_opened_by_whichever_name(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    address = served.address("balance")
    arguments = ["discover", "--port", address, "--skip", os.path.realpath(address)]
    assert main(arguments) == 1
    assert f"{address}\n  skipped\nNothing that a driver here knows." in capsys.readouterr().out


def test_what_cannot_be_opened_is_said_and_the_next_is_asked(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["discover", "--port", "/dev/none", "--port", served.address("occluder")]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "cannot be asked" in printed
    assert (
        yaml.safe_load(printed.partition("# for a rig file:\n")[2])["instruments"]["occluder"]["driver"]
        == "numato_relay"
    )


def test_who_was_not_asked_is_said_with_the_way_out() -> None:
    with closing(PtyPeer(lambda _: None, b"\n")) as silent:
        [found] = look([Place(silent.address)], [], RealClock(), limit_s=0.1)
    assert found.not_asked
    rows = told(found, 0.1)
    assert rows[1] == "  no answer that a driver knows"
    assert rows[2] == f"  not asked within 0.1 s: {', '.join(found.not_asked)} (--seconds 3 asks all)"
    assert told(Found(found.place, whole_s=3.4), 1.0)[2].endswith("(--seconds 4 tries the others)")
    assert told(Found(found.place, not_asked=("x",), whole_s=2.9), 3.0)[2].endswith("(--seconds 6 asks all)")
    assert len(told(Found(found.place), 3.0)) == 2


def test_what_speaks_and_is_nobody_s_is_shown() -> None:
    with closing(PtyPeer(lambda _: b"What?\r\n", b"\r\n")) as stranger:
        [found] = look([Place(stranger.address)], [], RealClock())
    assert told(found)[1] == "  answers 'What?\\r\\n' at 9600 8N1: no driver here knows it"


def test_what_only_says_what_it_is_told_is_an_echo() -> None:
    [found] = look([Place("loop://")], [], RealClock(), limit_s=0.3)
    assert told(found, 0.3)[1] == "  nobody but an echo: a loop, or an adapter that hears itself"


def test_an_alarm_that_is_told_by_the_way_is_shown() -> None:
    answered = Answered("new_era", None, {"model": "NE1000", "alarm": "A?S"}, b"", SerialLine(19200), 0.02)
    assert told(Found(Place("/dev/ttyUSB0"), answered))[-1] == (
        "  told a pending alarm, A?S, which asking acknowledged"
    )


def test_the_second_of_a_role_is_a_comment(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(served.address("balance")).parent
    assert main(["discover", "--port", served.address("pump"), "--port", str(folder / "pump")]) == 0
    lines = capsys.readouterr().out.partition("# for a rig file:\n")[2]
    assert "  # another pump:\n  # driver: scpi_insulin_pump\n" in lines
    assert list(yaml.safe_load(lines)["instruments"]) == ["pump"]


def test_ports_have_the_names_that_they_keep(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from serial.tools import list_ports, list_ports_common

    device = tmp_path / "ttyUSB0"
    device.touch()
    by_id = tmp_path / "by-id"
    by_id.mkdir()
    (by_id / "usb-Acme_Scale_77-port0").symlink_to(device)
    port = list_ports_common.ListPortInfo(str(device))
    port.vid, port.pid, port.serial_number, port.manufacturer, port.product = 0x0403, 0x6001, "77", "Acme", "Scale"
    monkeypatch.setattr(list_ports, "comports", lambda: [port])
    monkeypatch.setattr(discover, "BY_ID", by_id)
    [found] = places([], [])
    assert found.address == str(by_id / "usb-Acme_Scale_77-port0")
    assert found.told == "Acme, Scale, 0403:6001, serial number 77"
    assert (found.vendor, found.product) == (0x0403, 0x6001)
    for name in (found.address, str(device)):
        [left] = look([found], [name], RealClock())
        assert left.skipped
    [named] = places([str(device)], [])
    assert named.vendor == 0x0403


def test_visa_s_serial_lines_are_ports_already() -> None:
    assert all(isinstance(each, Place) and "ASRL" not in each.address for each in discover.visa_resources("@py"))
