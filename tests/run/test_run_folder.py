"""Where a run writes, and that its results are whole or not there."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.clock import RealClock, SimulatedClock
from bench.results.model import RunResult
from bench.run.folder import make_run_folder, write_results
from tests.run.conftest import Made


def test_a_folder_is_named_by_utc_and_plan_and_never_used_twice(tmp_path: Path) -> None:
    clock = SimulatedClock(dt.datetime(2026, 11, 22, 14, 3, 7, tzinfo=dt.UTC))
    names = [make_run_folder(tmp_path / "reports", "basal", clock).name for _ in range(3)]
    stamp = "2026-11-22T14-03-07Z-basal"
    assert names == [stamp, f"{stamp}-2", f"{stamp}-3"]


def test_a_name_becomes_one_plain_folder(tmp_path: Path) -> None:
    folder = make_run_folder(tmp_path, "../my plan: 1 U/h", RealClock())
    assert folder.parent == tmp_path
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ-my-plan-1-U-h", folder.name)


def test_results_are_replaced_whole(make_run: Callable[..., Made], monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_run()
    made.session.open()
    result = made.session.close()
    before = (made.folder / "results.json").read_bytes()
    assert RunResult.model_validate_json(before) == result

    def torn(self: Path, target: Path) -> Path:
        raise OSError("the power went")

    monkeypatch.setattr(Path, "replace", torn)
    with pytest.raises(OSError, match="the power went"):
        write_results(made.folder, result.model_copy(update={"complete": False}))
    assert (made.folder / "results.json").read_bytes() == before
