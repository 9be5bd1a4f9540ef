"""Command-line options of the bench, and where a session writes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.clock import RealClock
from bench.rig.errors import RigError
from bench.rig.load import load_rig
from bench.rig.model import Rig

DEFAULT_RIG = "fixtures/simulated.yaml"
PROJECT = Path(__file__).resolve().parents[2]
"""Where the bench lies; a plan may be anywhere, and pytest takes its root from the plan's folder."""

_PLAN_KEY = re.compile(r"^(plan|\"plan\")\s*:", re.MULTILINE)

folder_key = pytest.StashKey[Path | None]()
plans_key = pytest.StashKey[tuple[Path, ...]]()
rig_key = pytest.StashKey[Rig]()
signal_key = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the bench's options."""
    group = parser.getgroup("bench", "pump delivery bench")
    group.addoption("--rig", metavar="FILE", help=f"rig file: which instruments to use (default: {DEFAULT_RIG})")
    group.addoption("--reports", metavar="DIR", default="reports", help="where run folders go (default: reports)")
    group.addoption("--seed", type=int, metavar="N", help="seed of the simulated rig, in place of the rig file's")
    group.addoption("--wire-log", action="store_true", help="record every byte to and from every instrument")
    group.addoption(
        "--wire-log-of",
        metavar="ROLE",
        action="append",
        default=[],
        help="record every byte to and from one instrument, such as balance; may be given more than once",
    )
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
    replay = config.getoption("replay")
    if replay:
        # Without this, pytest would run whatever else is named, or the bench's own tests when nothing is.
        config.args = [str(_recording_of(config.invocation_params.dir / replay))]
    if named_plans(config) and getattr(config.option, "numprocesses", None):
        raise pytest.UsageError("one bench runs one test at a time: leave out -n")
    if named_plans(config) and not replay:
        wire_log_of(config)


def _recording_of(run: Path) -> Path:
    recording = (run / "recording.sqlite").resolve()
    if not recording.is_file():
        raise pytest.UsageError(f"{run} is no run's folder: it has no recording.sqlite")
    return recording


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
                found += sorted(child for child in path.rglob("*.y*ml") if _visible(child, path) and is_plan(child))
            elif path.suffix in {".yaml", ".yml"}:
                found.append(path)
        config.stash[plans_key] = tuple(dict.fromkeys(found))
    return config.stash[plans_key]


def _visible(file: Path, folder: Path) -> bool:
    return not any(part.startswith(".") for part in file.relative_to(folder).parts)


def rig_of(config: pytest.Config) -> Rig:
    """Return the rig that this session uses, read once.

    Raises:
        pytest.UsageError: the rig file is missing or wrong.

    """
    if rig_key not in config.stash:
        named = config.getoption("rig")
        path = config.invocation_params.dir / named if named else PROJECT / DEFAULT_RIG
        if not path.is_file():
            raise pytest.UsageError(_no_rig(path, config))
        try:
            config.stash[rig_key] = load_rig(path, name=short_path(path, config))
        except RigError as error:
            raise pytest.UsageError(f"the rig file cannot be used:\n{error}") from error
    return config.stash[rig_key]


def wire_log_of(config: pytest.Config) -> bool | frozenset[str]:
    """Return the roles whose bytes are to be logged; True for all of them, none where no log is asked for.

    Raises:
        pytest.UsageError: the rig has no instrument of a role that is named.

    """
    rig = rig_of(config)
    if config.getoption("wire_log"):
        return True
    roles = frozenset(config.getoption("wire_log_of"))
    if unknown := sorted(roles - set(rig.instruments)):
        raise pytest.UsageError(
            f"--wire-log-of {unknown[0]}: rig {rig.rig} has no such instrument (it has {', '.join(rig.instruments)})"
        )
    return roles


def _no_rig(path: Path, config: pytest.Config) -> str:
    folder = PROJECT / Path(DEFAULT_RIG).parent
    known = [short_path(each, config) for each in sorted(folder.glob("*.y*ml"))]
    what = "is a folder" if path.is_dir() else "does not exist"
    there = f"; there are {', '.join(known)}" if known else ""
    return f"rig file {short_path(path, config)} {what}. Name one by --rig FILE{there}"


def short_path(path: Path, config: pytest.Config) -> str:
    """Return a path as seen from the project, or its name alone: what is recorded must not depend on the machine."""
    path = path.resolve()
    for root in (PROJECT, config.rootpath.resolve()):
        if path.is_relative_to(root):
            return path.relative_to(root).as_posix()
    return path.name


def interrupted_by(config: pytest.Config) -> str:
    """Return what interrupts this session: the name of a signal, or Ctrl-C."""
    return config.stash.get(signal_key, "Ctrl-C")


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
    wire_log_of(config)  # a wrong rig file must leave no folder behind
    from bench.run.folder import make_run_folder

    name = plans[0].stem if len(plans) == 1 else f"{len(plans)}-plans"
    return make_run_folder(Path(config.getoption("reports")), name, RealClock())
