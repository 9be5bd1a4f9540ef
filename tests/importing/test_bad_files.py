"""Files that no sound software writes: each is refused with line and way out, or its result says what is wrong."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.importing.files import SETTINGS, analyse, lines, write

Say = pytest.CaptureFixture[str]
LINES = lines()
MASSES = ["time_s,mass_g", *(line.rpartition(",")[0] for line in LINES[1:])]


def changed(row: int, cell: str) -> list[str]:
    """Return the file with another mass in one line."""
    time, _, event = LINES[row].split(",", 2)
    return [*LINES[:row], f"{time},{cell},{event}", *LINES[row + 1 :]]


def each(change: Callable[[float, float], tuple[str, str]]) -> list[str]:
    """Return the file with every time and mass written otherwise."""
    rows = [line.split(",") for line in LINES[1:]]
    return [LINES[0], *(",".join((*change(float(time), float(mass)), event)) for time, mass, event in rows)]


def semicolons(rows: Sequence[str]) -> list[str]:
    return [row.replace(",", ";") for row in rows]


def commas(rows: Sequence[str]) -> list[str]:
    return [row.replace(".", ",") for row in rows]


REFUSED: dict[str, tuple[Sequence[str], str]] = {
    "empty": ([], r"bad\.csv: is empty\. Name a CSV file"),
    "header only": (LINES[:1], r"has a header line and no readings"),
    "one sample": (LINES[:2], r"has 1 reading of the mass: nothing can be weighed"),
    "two samples": (LINES[:3], r"is 1 s long, too short for a delivery.*--unit time=min"),
    "time going back": (
        LINES[:100] + LINES[50:],
        r"bad\.csv, line 101: time goes back, from 98 s to 49 s.*Cut the file",
    ),
    "a stamp with two masses": (
        [*LINES[:100], "98,26.00000,", *LINES[100:]],
        r"line 101: has the time stamp of line 100, 98 s, and another mass.*--repeated-stamps mean",
    ),
    "a word for a number": (changed(700, "ERR"), r"line 701: column 'mass_g' has 'ERR', which is no number.*--missing"),
    "infinity": (changed(700, "inf"), r"line 701: column 'mass_g' has 'inf', which is no number"),
    "an underscore that Python would read": (changed(700, "25_00.1"), r"line 701: .*'25_00\.1', which is no number"),
    "a decimal comma among points": (changed(700, '"25,00123"'), r"line 701: '25,00123' has a decimal comma.*points"),
    "commas that begin in the middle": (
        semicolons(LINES[:701]) + commas(semicolons(LINES[701:])),
        r"line 702: '25,\d+' has a decimal comma where the numbers before have points.*Write all numbers with one sign",
    ),
    "commas that end in the middle": (
        commas(semicolons(LINES[:700])) + semicolons(LINES[700:]),
        r"line 701: '25\.\d+' has a decimal point where the numbers before have commas",
    ),
    "commas that end early": (
        commas(semicolons(LINES[:70])) + semicolons(LINES[70:]),
        r"line 71: has decimal points \(line 71\) and decimal commas \(line 2\)",
    ),
    "decimal commas between commas": (
        [LINES[0], *(f"{line.split(',')[0]},{line.split(',')[1].replace('.', ',')}," for line in LINES[1:])],
        r"line 2: has the number 00001 where an event is meant: are there decimal commas.*semicolons or tabs",
    ),
    "decimal commas between commas, without events": (
        [MASSES[0], *(f"{line.split(',')[0]},{line.split(',')[1].replace('.', ',')}" for line in MASSES[1:])],
        r"line 2: has 3 cells where the header has 2: are these decimal commas.*semicolons or tabs",
    ),
    "thousands set apart": (changed(700, '"25,001.23"'), r"line 701: .*'25,001\.23', with thousands set apart"),
    "a unit that changes": (
        each(lambda at, mass: (f"{at:.0f}", f"{mass:.5f}" if at < 2000.0 else f"{1000.0 * mass:.2f}")),
        r"line 2002: the mass becomes a thousand times what it was.*unit change",
    ),
    "a unit in the cells that changes": (
        each(lambda at, mass: (f"{at:.0f}", f"{mass:.5f} g" if at < 900.0 else f"{1000.0 * mass:.2f} mg")),
        r"line 902: column 'mass_g' has 'mg' where 'g' stood before",
    ),
    "mg given as g": (
        each(lambda at, mass: (f"{at:.0f}", f"{1000.0 * mass:.2f}")),
        r"grows by 19950 mg where 20 mg of water were commanded\. Is it in mg, not in g \(--unit mass=mg\)\?",
    ),
    "g given as mg": (
        ["time_s,mass_mg,event", *LINES[1:]],
        r"grows by 0\.02 mg where 20 mg of water were commanded\. Is it in g, not in mg \(--unit mass=g\)\?",
    ),
    "minutes given as s": (
        each(lambda at, mass: (f"{at / 60.0:.5f}", f"{mass:.5f}")),
        r"Is the time in min, not in s \(--unit time=min\)\?",
    ),
    "milliseconds given as s": (
        each(lambda at, mass: (f"{1000.0 * at:.0f}", f"{mass:.5f}")),
        r"where 20000 mg of water were commanded\. Is the time in ms, not in s \(--unit time=ms\)\?",
    ),
    "too many cells": (
        [*LINES[:900], LINES[900] + ",x", *LINES[901:]],
        r"line 901: has 4 cells where the header has 3",
    ),
    "too few cells": ([*LINES[:900], "899", *LINES[901:]], r"line 901: has 1 cell where the header has 3"),
    "a second header": (LINES[:2000] + LINES[:1] + LINES[2000:], r"line 2001: repeats the header: two recordings"),
    "no header": (LINES[1:], r"line 1: holds numbers where a header line is meant.*--header time_s,mass_g"),
    "unknown columns": (
        ["Zeit,Gewicht,event", *LINES[1:]],
        r"no column 'time_s' and no 'mass_g'; its columns are 'Zeit', 'Gewicht'.*--column time='Zeit'",
    ),
    "a column that is misspelt": (
        ["time_s,mass_g,temprature_c", *(f"{line},23.1" for line in MASSES[1:])],
        r"line 1: column 'temprature_c' is none that the bench knows; 'temperature_c' is\. If it is that, say so by"
        r" --column temperature='temprature_c' --unit temperature=°C; else pass it over by --ignore 'temprature_c'",
    ),
    "a column misspelt beside its unit": (
        ["time_s,mass_g,Air presure [hPa]", *(f"{line},1000" for line in MASSES[1:])],
        r"column 'Air presure \[hPa\]' is none that the bench knows; 'air pressure' is\. .*--column air_pressure=",
    ),
    "a column of the air that does not say its unit": (
        ["time_s,mass_g,Humidity", *(f"{line},44" for line in MASSES[1:])],
        r"column 'Humidity' does not say in which unit it is\. .*--unit humidity=%",
    ),
    "events by another name": (
        [LINES[0].replace("event", "events"), *LINES[1:]],
        r"column 'events' is none that the bench knows; 'event' is\. .*--column event='events'; else",
    ),
    "a column without unit": (
        ["time_s,Weight,event", *LINES[1:]],
        r"no column 'mass_g'.*--column mass='Weight' --unit",
    ),
    "an event that is misspelt": (
        [line.replace("basal stopped", "basal stoped") for line in LINES],
        r"line 3902: event 'basal stoped' is none; 'basal stopped' is",
    ),
    "a quotation mark too many": (changed(700, '"25.1'), r"line 701: its quotation marks do not match"),
    "one value all along": (
        each(lambda at, _: (f"{at:.0f}", "25.00000")),
        r"shows one and the same mass all the time\. Say --readability",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_file_is_refused_with_what_is_wrong_and_the_way_out(name: str, tmp_path: Path, capsys: Say) -> None:
    rows, wanted = REFUSED[name]
    assert analyse(write(tmp_path / "bad.csv", rows)) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert re.search(wanted, said.err, re.DOTALL), said.err
    assert "Traceback" not in said.err


BYTES: dict[str, tuple[str, bytes, str]] = {
    "gzip that is cut off": (
        "bad.csv.gz",
        gzip.compress("\n".join(LINES).encode())[:8000],
        r"is cut off: its gzip stream has no end \(after line \d{3,}\).*gzip -dc bad\.csv\.gz",
    ),
    "gzip with a wrong byte": (
        "bad.csv.gz",
        gzip.compress("\n".join(LINES).encode())[:-6] + b"abcdef",
        r"is damaged: CRC check failed",
    ),
    "no gzip": ("bad.csv.gz", "\n".join(LINES).encode(), r"is called \.gz and is no gzip file"),
    "a workbook": ("bad.csv", b"PK\x03\x04" + bytes(100), r"is an Excel workbook or a ZIP archive.*Save it as CSV"),
    "zeros": ("bad.csv", b"time_s,mass_g\n0,25.0\n" + bytes(5000), r"line 3: is binary: there is a NUL byte in it"),
    "any bytes": ("bad.csv", bytes(range(1, 256)) * 100, r"line 1: has bytes that are no text"),
    "ten megabytes in a line": ("bad.csv", b"time_s,mass_g\n" + b"1" * 10_000_000, r"line 2: is longer than 128 KiB"),
    "a file that ends within a line": ("bad.csv", ("\n".join(LINES)[:50_002]).encode(), r"line \d+: .*ends within it"),
}


@pytest.mark.parametrize("name", BYTES)
def test_bytes_that_are_no_readings_are_refused(name: str, tmp_path: Path, capsys: Say) -> None:
    file, content, wanted = BYTES[name]
    (tmp_path / file).write_bytes(content)
    assert analyse(tmp_path / file) == 2
    assert re.search(wanted, capsys.readouterr().err, re.DOTALL)


MARKED: dict[str, tuple[Sequence[str], str, str]] = {
    "a gap": (LINES[:1000] + LINES[1060:], r"doubt: The balance gave no reading for more than 10 s", "INCONCLUSIVE"),
    "a short gap": (LINES[:1000] + LINES[1005:], r"note: The balance was silent", "PASS"),
    "a row twice": (
        LINES[:100] + LINES[99:],
        r"note: A time stamp of mass_g repeats the one before with the same value, first in line 101",
        "PASS",
    ),
    "a few words for nothing": (changed(700, "NaN"), r"note: 1 of 4200 rows have no mass, first in line 701", "PASS"),
    "a few empty cells": (changed(700, ""), r"note: 1 of 4200 rows have no mass", "PASS"),
    "many empty cells": (
        [LINES[0], *(line if row % 20 or row % 300 == 0 else f"{row},," for row, line in enumerate(LINES[1:]))],
        r"doubt: 19\d of 4200 rows have no mass.*more than a sound recording loses",
        "INCONCLUSIVE",
    ),
    "no events": (
        MASSES,
        r"note: Nothing says when delivery began and stopped: the readings show pulses every 90 s from minute 6\.5 to"
        r" minute 65\.0, .*\(40 intervals for 40 pulses\).* --start and --stop",
        "PASS",
    ),
    "no events and no flats": (
        [MASSES[0], *MASSES[301:3901]],
        r"note: Nothing says when delivery began and stopped: the whole file is taken",
        "PASS",
    ),
    "no blank": ([MASSES[0], *MASSES[301:3901]], r"note: Nothing tells the evaporation.*±30 mg/h", "PASS"),
    "one reading far off": (
        changed(2000, "99.00000"),
        r"note: One reading of 99 g at line 2001 \(minute 33\.3\) stands out by 74 g from its neighbours and is left",
        "PASS",
    ),
    "two readings far off": (
        [*changed(2000, "24.99000")[:2001], *changed(2001, "24.98000")[2001:]],
        r"note: 2 readings stand out from their neighbours, the first of 24\.99 g at line 2001 .*: they are left out\.",
        "PASS",
    ),
    "many readings far off": (
        [f"{line.split(',')[0]},99.0," if row % 400 == 150 else line for row, line in enumerate(LINES)],
        r"doubt: 11 readings stand out from their neighbours, .*, and so many are more than slips",
        "INCONCLUSIVE",
    ),
    "a mass that falls": (
        each(lambda at, mass: (f"{at:.0f}", f"{50.0 - mass:.5f}")),
        r"doubt: The mass falls by 20 mg while 20 mg of water were commanded: .* say --source-weighed",
        "INCONCLUSIVE",
    ),
    "unstable readings": (
        [LINES[0] + ",stable", *(f"{line},{'D' if row % 5 == 0 else 'S'}" for row, line in enumerate(LINES[1:]))],
        r"note: The balance called 20 % of its readings and 20 % of those in the blanks unstable\. They count like the",
        "PASS",
    ),
    "an unknown column": (
        [LINES[0] + ",Operator,mass_raw", *(f"{line},Li,7" for line in LINES[1:])],
        r"note: Columns that mean nothing to the bench are passed over: 'Operator', 'mass_raw'\.",
        "PASS",
    ),
    "an unknown word": (
        [line + "door opened" if row == 1000 else line for row, line in enumerate(LINES)],
        r"note: Words of the event column that mean nothing to the bench: 'door opened' \(line 1001\)",
        "PASS",
    ),
}


@pytest.mark.parametrize("name", MARKED)
def test_a_doubtful_file_gives_a_result_that_says_so(name: str, tmp_path: Path, capsys: Say) -> None:
    rows, wanted, verdict = MARKED[name]
    code = analyse(write(tmp_path / "odd.csv", rows), "--accept", "mean_error=±20 %")
    said = capsys.readouterr().out
    assert re.search(wanted, said), said
    assert f"BASAL: {verdict}" in said
    assert code == (0 if verdict == "PASS" else 1)


def test_what_is_left_out_leaves_no_trace(tmp_path: Path, capsys: Say) -> None:
    found = []
    for rows in (LINES, changed(2000, "99.00000")):
        analyse(write(tmp_path / "spike.csv", rows), "--json")
        evaluation = json.loads(capsys.readouterr().out)["tests"][0]["evaluation"]
        assert evaluation["doubts"] == []
        found.append(evaluation["measurements"][0]["value"])
    assert found[0] == pytest.approx(found[1], abs=0.01)


def test_a_readability_finer_than_the_file_is_doubted(tmp_path: Path, capsys: Say) -> None:
    assert analyse(write(tmp_path / "fine.csv", LINES), "--readability", "0.001 mg") == 1
    assert (
        "doubt: The masses go in steps of 0.01 mg, and the readability is said to be 0.001 mg"
        in capsys.readouterr().out
    )


def test_an_open_last_line_is_left_out(tmp_path: Path, capsys: Say) -> None:
    # Cut within its last number, the line is still a row of two cells: 25.0 g instead of 25.01996 g.
    (tmp_path / "cut.csv").write_bytes("\n".join(MASSES)[:-4].encode())
    analyse(tmp_path / "cut.csv", "--start", "5 min", "--stop", "65 min", "--accept", "mean_error=±20 %")
    said = capsys.readouterr().out
    assert "note: The last line (4201) has no line end and may be cut off: it is left out." in said
    assert "BASAL: PASS" in said


def test_mean_of_repeated_stamps_on_request(tmp_path: Path, capsys: Say) -> None:
    rows = [*LINES[:100], LINES[99].replace("25.", "25.")[:-2] + "9,", *LINES[100:]]
    analyse(write(tmp_path / "twice.csv", rows), "--repeated-stamps", "mean")
    assert (
        "A time stamp of mass_g repeats the one before, first in line 101: their mean counts" in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("name", "content"), [("bad.csv.gz", b"\x1f\x8b\x08\x00"), ("bad.csv", b"time_s,mass_g\n0,1\n")]
)
def test_the_command_itself_ends_with_2_and_one_line(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    code = "import sys; from bench.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "analyse", str(tmp_path / name), *SETTINGS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("pumpbench: ")
    assert done.stderr.count("\n") == 1
