"""Sound files, however they are written, give one and the same result; what is told of them by options counts."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.cli import main
from tests.importing.files import DELIVERY_S, PULSE_S, SETTINGS, TRUE_MG, analyse, lines, write

Say = pytest.CaptureFixture[str]
LINES = lines()
ROWS = [line.split(",") for line in LINES[1:]]


def stamp(time: str) -> tuple[str, str]:
    seconds = int(time)
    return "2026-03-01", f"{8 + seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def joined(separator: str, header: str, *rows: str) -> bytes:
    return "".join(f"{row}\n" for row in (header.replace(",", separator), *rows)).encode()


def rewritten(header: str, row: Callable[[str, str, str], str]) -> bytes:
    return "".join(f"{line}\n" for line in (header, *(row(*cells) for cells in ROWS))).encode()


def milligrams(mass: str) -> str:
    digits = mass.replace(".", "").lstrip("0")
    return f"{digits[:-2]}.{digits[-2:]}"


PLAIN = joined(",", *LINES)
WAYS: dict[str, tuple[str, bytes, list[str]]] = {
    "gzip": ("a.csv.gz", gzip.compress(PLAIN), []),
    "Windows line ends and a byte order mark": ("a.csv", b"\xef\xbb\xbf" + PLAIN.replace(b"\n", b"\r\n"), []),
    "old Macintosh line ends": ("a.csv", PLAIN.replace(b"\n", b"\r"), []),
    "UTF-16": ("a.txt", PLAIN.decode().encode("utf-16"), []),
    "semicolons": ("a.csv", PLAIN.replace(b",", b";"), []),
    "tabs": ("a.tsv", PLAIN.replace(b",", b"\t"), []),
    "a line that names the separator": ("a.csv", b"sep=;\n" + PLAIN.replace(b",", b";"), []),
    "decimal commas": ("a.csv", PLAIN.replace(b",", b";").replace(b".", b","), []),
    "decimal commas in quotation marks": (
        "a.csv",
        rewritten("time_s,mass_g,event", lambda t, m, e: f'{t},"{m.replace(".", ",")}",{e}'),
        [],
    ),
    "comments and empty lines": ("a.csv", b"# balance 1\n\n" + PLAIN.replace(b"\n100,", b"\n# a note\n\n100,"), []),
    "lines before the header": ("a.csv", b"Report, of a balance\n17\n" + PLAIN, ["--skip", "2"]),
    "no header": ("a.csv", PLAIN.partition(b"\n")[2], ["--header", "time_s,mass_g,event"]),
    "milligrams": ("a.csv", rewritten("time_s,mass_mg,event", lambda t, m, e: f"{t},{milligrams(m)},{e}"), []),
    "columns by option": (
        "a.csv",
        rewritten("nr,Zeit,Gewicht,event", lambda t, m, e: f"7,{t},{milligrams(m)},{e}"),
        ["--column", "time=Zeit", "--unit", "time=s", "--column", "mass=Gewicht", "--unit", "mass=mg"],
    ),
    "units in the header": ("a.csv", PLAIN.replace(b"time_s,mass_g", b"Time (s),Net Weight [g]", 1), []),
    "a line of units": ("a.csv", PLAIN.replace(b"time_s,mass_g,event", b"Time,Weight,event\n[s],[g],", 1), []),
    "units in the cells": ("a.csv", rewritten("time_s,mass_g,event", lambda t, m, e: f"{t},  {m} g,{e}"), []),
    "dates": ("a.csv", rewritten("timestamp,mass_g,event", lambda t, m, e: f"{'T'.join(stamp(t))}Z,{m},{e}"), []),
    "date and time": (
        "a.csv",
        rewritten("Date,Time,mass_g,event", lambda t, m, e: f"{','.join(stamp(t))},{m},{e}"),
        [],
    ),
    "dates of their own": (
        "a.csv",
        rewritten("when,mass_g,event", lambda t, m, e: f"01.03.2026 {stamp(t)[1]},{m},{e}"),
        ["--column", "time=when", "--time-format", "%d.%m.%Y %H:%M:%S"],
    ),
    "hours, minutes and seconds": (
        "a.csv",
        rewritten(
            "time,mass_g,event", lambda t, m, e: f"{int(t) // 3600}:{int(t) // 60 % 60:02d}:{int(t) % 60:02d},{m},{e}"
        ),
        [],
    ),
    "Unix time": ("a.csv", rewritten("time_s,mass_g,event", lambda t, m, e: f"{1_772_352_000 + int(t)},{m},{e}"), []),
    "other words for events": (
        "a.csv",
        PLAIN.replace(b"basal commanded", b"Pump ON"),
        ["--event", "pump on=basal commanded"],
    ),
    "a state in every row": (
        "a.csv",
        rewritten(
            "time_s,mass_g,event",
            lambda t, m, e: f"{t},{m},{e or ('basal commanded' if 300 < int(t) < 3900 else '')}",
        ),
        [],
    ),
}


def result(path: Path, capsys: Say, *options: str) -> dict[str, Any]:
    analyse(path, "--json", *options)
    said = capsys.readouterr()
    assert said.err == ""
    found: dict[str, Any] = json.loads(said.out)
    return found


def measured(run: dict[str, Any]) -> dict[str, tuple[float, float]]:
    each = run["tests"][0]["evaluation"]["measurements"]
    return {one["name"]: (one["value"], one["expanded_uncertainty"]) for one in each if one["value"] is not None}


def noted(run: dict[str, Any]) -> list[str]:
    notes: list[str] = run["tests"][0]["evaluation"]["notes"]
    return notes


@pytest.fixture(scope="module")
def plainly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plain") / "plain.csv"
    path.write_bytes(PLAIN)
    return path


@pytest.fixture(scope="module")
def wanted(plainly: Path) -> dict[str, tuple[float, float]]:
    """Return what the plain file gives."""
    with contextlib.redirect_stdout(io.StringIO()) as said:
        analyse(plainly, "--json")
    return measured(json.loads(said.getvalue()))


@pytest.mark.parametrize("way", WAYS)
def test_however_a_file_is_written_it_gives_the_same(
    way: str, wanted: dict[str, tuple[float, float]], tmp_path: Path, capsys: Say
) -> None:
    name, content, options = WAYS[way]
    (tmp_path / name).write_bytes(content)
    found = measured(result(tmp_path / name, capsys, *options))
    if "milligrams" in way or "option" in way:  # a thousandth of a number is rounded once more
        assert found == {key: pytest.approx(value, rel=1e-5, abs=1e-9) for key, value in wanted.items()}
    else:
        assert found == wanted


def test_the_result_is_what_was_put_in(plainly: Path, capsys: Say) -> None:
    run = result(plainly, capsys)
    found = measured(run)
    true_ul = TRUE_MG * 1.00327
    volume, uncertainty = found["total_volume"]
    assert abs(volume - 0.1 * true_ul) < uncertainty < 0.1
    pulses = run["tests"][0]["evaluation"]["pulses"]
    assert len(pulses) == DELIVERY_S / PULSE_S
    assert {"time_s", "volume_ul", "standard_uncertainty_ul"} <= pulses[0].keys()
    for one in run["tests"][0]["evaluation"]["measurements"]:
        assert {"name", "value", "unit", "expanded_uncertainty", "coverage_factor"} <= one.keys()
    assert run["imported"]["file"] == "plain.csv"
    assert re.fullmatch("[0-9a-f]{64}", run["imported"]["sha256"])
    assert run["imported"]["options"]["--rate"] == "2 U/h"
    assert run["simulated"] is False


def test_without_a_limit_nothing_is_judged_and_the_status_tells_of_doubts(
    plainly: Path, tmp_path: Path, capsys: Say
) -> None:
    assert analyse(plainly) == 0
    assert "BASAL: no limit given: nothing is judged\n" in capsys.readouterr().out
    test = result(plainly, capsys)["tests"][0]
    assert (test["verdict"], test["judged"]) == ("inconclusive", [])
    gap = write(tmp_path / "gap.csv", LINES[:1000] + LINES[1060:])
    assert analyse(gap) == 1
    assert "BASAL: INCONCLUSIVE: The balance gave no reading" in capsys.readouterr().out


def test_an_hour_is_no_day(plainly: Path, tmp_path: Path, capsys: Say) -> None:
    plan = Path("test_plans/basal.yaml").read_text(encoding="utf-8").replace("rate: 1 U/h", "rate: 2 U/h")
    (tmp_path / "plan.yaml").write_text(plan, encoding="utf-8")
    code = main(["analyse", str(plainly), "--plan", str(tmp_path / "plan.yaml"), "--test", "BASAL-1U"])
    said = capsys.readouterr().out
    assert code == 1
    assert "BASAL-1U: INCONCLUSIVE: The pump delivered for 1 h of the 24 h that the test wants" in said


def test_a_column_is_passed_over_on_request(tmp_path: Path, capsys: Say) -> None:
    odd = write(tmp_path / "odd.csv", [LINES[0] + ",temperature_k", *(f"{line},296.3" for line in LINES[1:])])
    assert analyse(odd) == 2
    assert "--ignore 'temperature_k'" in capsys.readouterr().err
    assert not any("passed over" in note for note in noted(result(odd, capsys, "--ignore", "temperature_k")))
    assert analyse(odd, "--ignore", "humidity") == 2
    assert "has no column 'humidity' that could be ignored" in capsys.readouterr().err


def test_a_source_that_was_weighed_gives_the_same_delivery(plainly: Path, tmp_path: Path, capsys: Say) -> None:
    rows = [f"{time},{50.0 - float(mass):.5f},{event}" for time, mass, event in ROWS]
    source = write(tmp_path / "source.csv", [LINES[0], *rows])
    run = result(source, capsys, "--source-weighed")
    assert any("what it lost counts as delivered" in note for note in noted(run))
    assert run["tests"][0]["evaluation"]["doubts"] == []
    wanted = measured(result(plainly, capsys))
    for name in ("mean_error", "total_volume", "mean_pulse_volume"):
        assert measured(run)[name] == pytest.approx(wanted[name], rel=1e-4)
    turned = result(plainly, capsys, "--source-weighed")
    assert "was the source weighed" in turned["tests"][0]["evaluation"]["doubts"][0]
    rig = Path("fixtures/bench-3.yaml").read_text(encoding="utf-8")
    vessel = write(tmp_path / "rig.yaml", [rig, "evaporation: {rate: 0.05 mg/h, half_width: 0.05 mg/h}"])
    for options, said in (
        (["--evaporation", "1 mg/h ± 1 mg/h"], "Write --evaporation '0 mg/h"),
        (["--rig", str(vessel)], "the rig file tells of a vessel that takes up"),
    ):
        assert analyse(source, "--source-weighed", *options) == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "pulses", "told"),
    [(SETTINGS, True, False), (SETTINGS[:6], True, True), ((*SETTINGS[:6], "--delivery", "continuous"), False, False)],
)
def test_pulses_show_without_an_increment_unless_there_are_none(
    options: tuple[str, ...], pulses: bool, told: bool, plainly: Path, capsys: Say
) -> None:
    main(["analyse", str(plainly), *options, "--json"])
    evaluation = json.loads(capsys.readouterr().out)["tests"][0]["evaluation"]
    assert bool(evaluation["pulses"]) is pulses
    said = f"Pulses show every {PULSE_S:g} s and are taken for doses"
    assert any(said in note for note in evaluation["notes"]) is told


def test_limits_and_decision_by_options(plainly: Path, capsys: Say) -> None:
    assert analyse(plainly, "--accept", "mean_error=±10 %", "--verifies", "REQ-1") == 0
    assert "pass         mean_error: " in capsys.readouterr().out
    assert analyse(plainly, "--accept", "mean_error=±1 %") == 1
    assert "BASAL: INCONCLUSIVE" in capsys.readouterr().out
    assert analyse(plainly, "--accept", "mean_error=±1 %", "--decision", "simple") == 0


def test_start_and_stop_by_options_are_those_of_the_event_column(plainly: Path, tmp_path: Path, capsys: Say) -> None:
    bare = write(tmp_path / "bare.csv", ["time_s,mass_g", *(line.rpartition(",")[0] for line in LINES[1:])])
    told = measured(result(bare, capsys, "--start", "5 min", "--stop", "65 min", "--blank", "0 s to 299 s",
                           "--blank", "3960 s to 4199 s"))  # fmt: skip
    # The blank after the delivery begins a minute later still: what the line may give is no blank.
    assert told["total_volume"][0] == pytest.approx(measured(result(plainly, capsys))["total_volume"][0], rel=1e-4)


def test_without_events_the_delivery_is_found_in_the_readings(tmp_path: Path, capsys: Say) -> None:
    bare = write(tmp_path / "bare.csv", ["time_s,mass_g", *(line.rpartition(",")[0] for line in LINES[1:])])
    run = result(bare, capsys)
    found, evaluation = measured(run), run["tests"][0]["evaluation"]
    error, uncertainty = found["mean_error"]
    assert abs(error - 100.0 * (TRUE_MG * 1.00327 / 20.0 - 1.0)) < 0.2
    # Half an interval at each end of forty, rectangular: 1.25 % / √3, √2 of it, k = 2; short blanks do the rest.
    assert 100.0 / 40.0 * math.sqrt(2.0 / 3.0) < uncertainty < 4.0
    assert found["missed_pulses"][0] == found["extra_pulses"][0] == 0.0
    assert len(evaluation["pulses"]) == DELIVERY_S / PULSE_S
    assert evaluation["doubts"] == []
    assert any(
        "before the first command and after the stop is taken as a blank" in note for note in evaluation["notes"]
    )


def test_a_flow_without_events_is_found_between_its_flats(tmp_path: Path, capsys: Say) -> None:
    rng = np.random.default_rng(4)
    noise_g = 1e-3 * rng.normal(0.0, 0.02, 4800)
    flowed_g = 1e-3 * 20.0 / 3600.0 * np.clip(np.arange(4800.0) - 600.0, 0.0, 3600.0)
    rows = [f"{at},{25.0 + flowed_g[at] + noise_g[at]:.5f}" for at in range(4800)]
    write(tmp_path / "flow.csv", ["time_s,mass_g", *rows])
    with contextlib.redirect_stdout(io.StringIO()) as said:
        main(["analyse", str(tmp_path / "flow.csv"), *SETTINGS[:6], "--delivery", "continuous", "--json"])
    run = json.loads(said.getvalue())
    error, uncertainty = measured(run)["mean_error"]
    assert abs(error - 0.33) < uncertainty < 1.5
    assert any("it begins at minute 10.0 and ends at minute 70.0" in n for n in run["tests"][0]["evaluation"]["notes"])


def test_an_end_that_is_told_is_kept_and_the_other_found(tmp_path: Path, capsys: Say) -> None:
    bare = write(tmp_path / "bare.csv", ["time_s,mass_g", *(line.rpartition(",")[0] for line in LINES[1:])])
    run = result(bare, capsys, "--start", "5 min")
    assert any(
        "Nothing says when delivery stopped: the readings show pulses" in note and "to half an interval after" in note
        for note in run["tests"][0]["evaluation"]["notes"]
    )
    error, uncertainty = measured(run)["mean_error"]
    assert abs(error - 100.0 * (TRUE_MG * 1.00327 / 20.0 - 1.0)) < uncertainty


def test_readings_without_noise_are_not_called_coarse(tmp_path: Path, capsys: Say) -> None:
    steps = [25.0 + 0.4984e-3 * max(0, min(40, (at - 300) // 90)) for at in range(4500)]
    ideal = write(tmp_path / "ideal.csv", ["time_s,mass_g", *(f"{at},{mass:.5f}" for at, mass in enumerate(steps))])
    run = result(ideal, capsys, "--readability", "0.01 mg")
    assert not any("go in steps of" in doubt for doubt in run["tests"][0]["evaluation"]["doubts"])
    error, uncertainty = measured(run)["mean_error"]
    assert abs(error) < uncertainty


def test_a_file_that_is_all_delivery_has_the_truth_within_its_wide_uncertainty(tmp_path: Path, capsys: Say) -> None:
    rows = [LINES[row + 1].rpartition(",")[0] for row in range(300, 3900)]
    whole = write(tmp_path / "whole.csv", ["time_s,mass_g", *rows])
    run = result(whole, capsys, "--evaporation", "0.05 mg/h ± 0.05 mg/h")
    error, uncertainty = measured(run)["mean_error"]
    # At each end the instant may fall anywhere between two pulses: half a pulse of the 40, rectangular, 2.5 % at most.
    assert abs(error - 100.0 * (TRUE_MG * 1.00327 / 20.0 - 1.0)) < uncertainty
    assert 1.5 < uncertainty < 5.0
    assert any("the whole file is taken as delivery" in note for note in run["tests"][0]["evaluation"]["notes"])


def test_without_a_blank_a_noisy_balance_widens_the_result(tmp_path: Path, capsys: Say) -> None:
    rng = np.random.default_rng(3)
    found = []
    for noise_mg in (0.02, 2.0):
        noise_g = 1e-3 * rng.normal(0.0, noise_mg, 3600)
        rows = [f"{at},{25.0 + at * 20e-3 / 3600.0 + noise_g[at]:.5f}" for at in range(3600)]
        path = write(tmp_path / "noisy.csv", ["time_s,mass_g", *rows])
        run = result(path, capsys, "--evaporation", "0 mg/h ± 0.05 mg/h", "--delivery", "continuous")
        assert any("noise: that of the whole recording" in note for note in run["tests"][0]["evaluation"]["notes"])
        error, uncertainty = measured(run)["mean_error"]
        assert abs(error - 0.327) < uncertainty
        found.append(uncertainty)
    # Levels of ten readings: 2 mg · √(2/10) are 4.5 % of 20 mg as a standard uncertainty.
    assert found[0] < 3.0
    assert found[1] > 6.0


def test_a_kept_run_is_a_run_like_any_other(plainly: Path, tmp_path: Path, capsys: Say) -> None:
    kept, page = tmp_path / "kept", tmp_path / "page.html"
    first = analyse(plainly, "--accept", "mean_error=±10 %", "--output", str(kept), "--html", str(page))
    assert first == 0, capsys.readouterr()
    assert {each.name for each in kept.iterdir()} >= {"recording.sqlite", "results.json", "report.html"}
    assert "imported, not driven by this bench" in page.read_text(encoding="utf-8").casefold()
    assert "plain.csv" in page.read_text(encoding="utf-8")
    assert main(["verify", str(kept)]) == 0
    capsys.readouterr()
    assert main(["analyse", str(kept), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again == json.loads((kept / "results.json").read_text(encoding="utf-8"))
    assert main(["analyse", str(kept), "--rate", "1 U/h"]) == 2
    assert "--rate: a run's recording says that itself" in capsys.readouterr().err
    assert analyse(plainly, "--output", str(kept)) == 2
    assert "is there already and not empty" in capsys.readouterr().err


def test_boluses_by_options(tmp_path: Path, capsys: Say) -> None:
    rows = []
    for second in range(1800):
        boluses = sum(second >= 300 + 150 * number + 10 for number in range(8))
        rows.append(f"{second},{25.0 + 0.00997 * boluses + 0.00001 * (second * 7 % 3):.5f}")
    path = write(tmp_path / "bolus.csv", ["time_s,mass_g", *rows])
    main(["analyse", str(path), "--procedure", "bolus", "--volume", "1 U", "--insulin", "U-100", "--bolus-at", "5 min",
          "--bolus-every", "150 s", "--count", "8", "--evaporation", "0 mg/h ± 0.05 mg/h", "--json"])  # fmt: skip
    run = json.loads(capsys.readouterr().out)
    found = measured(run)
    assert found["mean_error"][0] == pytest.approx(100.0 * (9.97 * 1.00327 / 10.0 - 1.0), abs=found["mean_error"][1])
    assert "reported_difference" not in found
    assert len(run["tests"][0]["evaluation"]["pulses"]) == 8
    assert any("--bolus-speed" in note for note in run["tests"][0]["evaluation"]["notes"])
    # An assumed end tells nothing of what came after it.
    assert "tail_fraction" not in found


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ([], "does not say what was to be shown. Name a plan's test"),
        (["--procedure", "basal", "--insulin", "U-100"], "'rate' is missing: give it by --set rate="),
        (["--procedure", "basal", "--rate", "1 U/h"], "'insulin' is missing: give it by --insulin"),
        (["--procedure", "basel", "--insulin", "U-100"], "--procedure: found 'basel'; did you mean 'basal'?"),
        ([*SETTINGS, "--accept", "mean_eror=±5 %"], "did you mean 'mean_error'?"),
        ([*SETTINGS, "--accept", "mean_error=5 %"], "--accept mean_error=…: '5 %' does not say on which side"),
        ([*SETTINGS, "--accept", "mean_error"], "--accept 'mean_error' lacks its '='"),
        ([*SETTINGS, "--readability", "0.01"], "--readability: '0.01' has no unit"),
        ([*SETTINGS, "--evaporation", "1 mg/h"], "--evaporation: '1 mg/h' is no mass rate with its half width"),
        ([*SETTINGS, "--blank", "5 to 6 min"], "'5' is no instant"),
        ([*SETTINGS, "--start", "5 min"], "says itself when basal was commanded, and --start says it, too"),
        ([*SETTINGS, "--blank", "5 min"], "'5 min' is no span"),
        ([*SETTINGS, "--column", "weight=mass_g"], "cannot have a column 'weight'. Columns are time_s, mass_g"),
        ([*SETTINGS, "--column", "mass=Weight"], "has no column 'Weight'; its columns are 'time_s', 'mass_g'"),
        ([*SETTINGS, "--unit", "mass=furlong"], "cannot be in 'furlong'"),
        ([*SETTINGS, "--plan", "test_plans/basal.yaml"], "--plan says what --rate, --procedure"),
        (["--plan", "test_plans/basal.yaml"], "has several tests. Name one by --test: BASAL-1U, BASAL-0.1U"),
        (["--plan", "test_plans/basal.yaml", "--test", "X"], "has no test 'X'. Name one by --test: BASAL-1U"),
    ],
)
def test_wrong_options_are_refused_by_their_names(options: list[str], wanted: str, plainly: Path, capsys: Say) -> None:
    assert main(["analyse", str(plainly), *options]) == 2
    assert wanted in capsys.readouterr().err
