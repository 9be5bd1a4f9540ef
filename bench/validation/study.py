"""A twin study: many short runs, each in a world of its own, in a folder that a later call goes on with."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from bench.rig.load import load_rig
from bench.run.folder import RECORDING
from bench.validation.plans import short_plan
from bench.validation.runs import Compared, compare, drive, evaluate_again
from bench.validation.world import draw_world


@dataclass(frozen=True, slots=True)
class Task:
    """One run of a study: a procedure's short test in the world of a seed."""

    rig_text: str
    procedure: str
    seed: int
    folder: str
    keep: bool
    again: bool


def run_task(task: Task) -> list[Compared]:
    """Drive (or, with `again`, only evaluate anew where a recording is kept) and compare."""
    folder = Path(task.folder)
    rig = load_rig(task.rig_text, name="rig.yaml")
    world = draw_world(rig, task.seed)
    if task.again and (folder / RECORDING).exists():
        run = evaluate_again(folder)
    else:
        run = drive(short_plan(task.procedure, world.pump), rig, world, folder)
    found = compare(run, folder, task.seed, world.pump.insulin.ul_per_u)
    if not task.keep:
        shutil.rmtree(folder)
    return found


def study(
    rig_text: str,
    procedures: Sequence[str],
    seeds: Iterable[int],
    folder: Path,
    *,
    jobs: int = 2,
    keep: bool = False,
    again: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[Compared]:
    """Return what every run came to; runs that the folder has from before are not made again.

    Args:
        rig_text: the rig file's text, with a `simulation:`.
        procedures: whose short tests are run.
        seeds: one run of each procedure a seed.
        folder: keeps the outcome of every run (`runs.jsonl`), and with `keep` its recording.
        jobs: processes at a time.
        keep: keep recordings, so that `again` can evaluate them anew.
        again: evaluate every run anew, from its recording where that is kept.
        progress: told how many runs of how many are done.

    """
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "runs.jsonl"
    if again:
        kept.unlink(missing_ok=True)
    done = {(seed, procedure): found for seed, procedure, found in _read(kept)}
    wanted = [(seed, procedure) for seed in seeds for procedure in procedures]
    tasks = [
        Task(rig_text, procedure, seed, str(folder / procedure / str(seed)), keep, again)
        for seed, procedure in wanted
        if (seed, procedure) not in done
    ]
    with kept.open("a", encoding="utf-8") as file:
        for task, found in _run(tasks, jobs):
            done[task.seed, task.procedure] = found
            line = {"seed": task.seed, "procedure": task.procedure, "compared": [dataclasses.asdict(c) for c in found]}
            file.write(json.dumps(line) + "\n")
            file.flush()
            if progress is not None:
                progress(sum(key in done for key in wanted), len(wanted))
    return [each for key in wanted for each in done[key]]


def _run(tasks: Sequence[Task], jobs: int) -> Iterator[tuple[Task, list[Compared]]]:
    if jobs <= 1 or len(tasks) < 2:
        yield from ((task, run_task(task)) for task in tasks)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from zip(tasks, pool.map(run_task, tasks), strict=True)


def _read(path: Path) -> Iterator[tuple[int, str, list[Compared]]]:
    if not path.exists():
        return
    for text in path.read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        yield line["seed"], line["procedure"], [Compared(**each) for each in line["compared"]]
