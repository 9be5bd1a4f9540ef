"""Command-line options of the bench, and where a session writes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.clock import RealClock

DEFAULT_RIG = "fixtures/simulated.yaml"

_PLAN_KEY = re.compile(r"^(plan|\"plan\")\s*:", re.MULTILINE)

folder_key = pytest.StashKey[Path | None]()
plans_key = pytest.StashKey[tuple[Path, ...]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the bench's options."""
    group = parser.getgroup("bench", "pump delivery bench")
    group.addoption("--rig", metavar="FILE", help=f"rig file: which instruments to use (default: {DEFAULT_RIG})")
    group.addoption("--reports", metavar="DIR", default="reports", help="where run folders go (default: reports)")
    group.addoption("--seed", type=int, metavar="N", help="seed of the simulated rig, in place of the rig file's")
    group.addoption("--wire-log", action="store_true", help="record every byte to and from every instrument")
    group.addoption(
        "--replay", metavar="RUN", help="evaluate and report a finished run's folder again; no instrument is used"
    )
    parser.addini("bench_progress_seconds", "seconds between progress lines when not on a terminal", default="60")


def pytest_configure(config: pytest.Config) -> None:
    """Register a marker for each procedure and find the plans that this session is about."""
    from bench.procedures import registry

    for name, procedure in registry().items():
        config.addinivalue_line("markers", f"{name}: {procedure.summary}")
    config.addinivalue_line("markers", "verifies(*ids): the requirements that the test verifies")
    if config.pluginmanager.hasplugin("xdist") and getattr(config.option, "numprocesses", None):
        raise pytest.UsageError("one bench runs one test at a time: leave out -n")


def is_plan(path: Path) -> bool:
    """Return whether a YAML file is meant as a plan: it has a top-level `plan:` key."""
    if path.suffix not in {".yaml", ".yml"} or not path.is_file():
        return False
    try:
        return bool(_PLAN_KEY.search(path.read_text(encoding="utf-8", errors="replace")))
    except OSError:
        return False


def named_plans(config: pytest.Config) -> tuple[Path, ...]:
    """Return the plan files that the command line names, itself or through a folder."""
    if plans_key not in config.stash:
        found: list[Path] = []
        for argument in config.args:
            path = (config.invocation_params.dir / argument.split("::")[0]).resolve()
            if path.is_dir():
                found += sorted(child for child in path.rglob("*.y*ml") if is_plan(child))
            elif path.suffix in {".yaml", ".yml"}:
                found.append(path)
        config.stash[plans_key] = tuple(dict.fromkeys(found))
    return config.stash[plans_key]


def session_folder(config: pytest.Config) -> Path | None:
    """Return the folder of this session's reports, made once; None for a session that drives no plan."""
    if folder_key not in config.stash:
        config.stash[folder_key] = _make_folder(config)
    return config.stash[folder_key]


def _make_folder(config: pytest.Config) -> Path | None:
    replay = config.getoption("replay")
    if replay:
        return Path(replay)
    plans = named_plans(config)
    if config.getoption("collectonly") or not plans or not any(plan.exists() for plan in plans):
        return None
    from bench.run.folder import make_run_folder

    name = plans[0].stem if len(plans) == 1 else f"{len(plans)}-plans"
    return make_run_folder(Path(config.getoption("reports")), name, RealClock())
