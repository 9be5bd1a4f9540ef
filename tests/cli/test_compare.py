"""`pumpbench compare`: from folders to text, JSON and a page, with its exit status and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.cli import main
from bench.results.model import RunResult
from bench.results.pooled import Pooled
from bench.run.folder import RESULTS
from tests.pooling.made_runs import basal, boluses, occlusion, run


def write(folder: Path, result: RunResult) -> str:
    folder.mkdir(parents=True)
    (folder / RESULTS).write_text(result.model_dump_json(), encoding="utf-8")
    return str(folder)


@pytest.fixture
def folders(tmp_path: Path) -> list[str]:
    rng = np.random.default_rng(5)
    return [
        write(
            tmp_path / f"run-{n}",
            run(
                boluses((rng.normal(0.0, 1.0) + rng.normal(0.0, 1.5, 12)).tolist()),
                basal(float(n), {1: 1.0, 6: 6.0}),
                occlusion(30.0 + n),
                serial=f"P{n}",
                simulated=True,
                seed=n,
            ),
        )
        for n in range(5)
    ]


def test_text_and_json_tell_the_same(folders: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *folders]) == 0
    text = capsys.readouterr().out
    assert main(["compare", *folders, "--json"]) == 0
    pooled = Pooled.model_validate_json(capsys.readouterr().out)
    assert text.startswith("SIMULATED\n5 runs of 5 pumps, U-100:")
    assert [group.title for group in pooled.groups] == ["Basal rate of 1 U/h", "Boluses of 1 U", "Occlusion at 1 U/h"]
    for group in pooled.groups:
        assert f"{group.title}: 5 tests, 5 pumps" in text
        for table in group.tables:
            assert all(cell in text for row in table.rows for cell in row)
    assert (pooled.coverage, pooled.confidence) == (0.95, 0.95)


def test_a_limit_decides_the_exit_status(folders: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *folders, "--limit", "±40 %"]) == 0
    assert "Limit ±40 %: shown" in capsys.readouterr().out
    assert main(["compare", *folders, "--limit", "±5 %"]) == 1
    assert "Limit ±5 %: NOT shown" in capsys.readouterr().out
    assert main(["compare", *folders, "--coverage", "50 %", "--confidence", "50 %", "--limit", "±5 %"]) == 0


def test_the_page_stands_alone_and_is_labelled(folders: list[str], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert main(["compare", *folders, "--html", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert "<h1>5 runs of 5 pumps together</h1>" in text
    assert text.count("SIMULATED DATA") >= 3
    assert "Nothing here was measured on a real pump" in text
    assert "<link" not in text
    assert 'href="' not in text


def test_texts_of_a_run_cannot_break_the_page(tmp_path: Path) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    one = write(tmp_path / "a", run(boluses([1.0, 2.0]), serial=hostile, rig=hostile, plan=hostile))
    page = tmp_path / "page.html"
    assert main(["compare", one, "--html", str(page)]) == 0
    assert hostile not in page.read_text(encoding="utf-8")


def test_what_cannot_be_read_or_pooled_is_said(
    folders: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real = write(tmp_path / "real", run(boluses([1.0])))
    assert main(["compare", folders[0], real]) == 2
    assert "runs that differ in what they are are not pooled" in capsys.readouterr().err
    assert main(["compare", str(tmp_path / "nothing")]) == 2
    assert "nothing" in capsys.readouterr().err
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / RESULTS).write_text('{"simulated": 3}', encoding="utf-8")
    assert main(["compare", str(broken)]) == 2
    assert "no results.json that this version understands" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["compare", folders[0], folders[0]])
    assert "named twice" in capsys.readouterr().err
