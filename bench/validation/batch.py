"""Many independent runs in a few processes, each outcome kept in a file that a later call goes on with."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol, TypeVar

Progress = Callable[[int, int], None]
"""Told how many of how many are done."""


class Keyed(Protocol):
    """A task that is known by its key."""

    @property
    def key(self) -> str:
        """Names the task among all of its kind."""


Task = TypeVar("Task", bound=Keyed)


class TaskError(Exception):
    """A task could not be done; the text names it and has the reason."""

    is_bench_refusal = True


def batch(
    tasks: Sequence[Task],
    work: Callable[[Task], Any],
    kept: Path,
    *,
    jobs: int = 1,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Return what `work` makes of every task, by key; outcomes are plain data as JSON has it.

    Args:
        tasks: what is to be done.
        work: does one; a function of a module, since other processes call it.
        kept: JSON lines with the outcomes so far; tasks that it has are not done again.
        jobs: processes at a time.
        progress: told after each task.

    Raises:
        TaskError: a task could not be done; outcomes before it are kept.

    """
    done = dict(_read(kept))
    left = [task for task in tasks if task.key not in done]
    if progress is not None:
        progress(len(tasks) - len(left), len(tasks))
    kept.parent.mkdir(parents=True, exist_ok=True)
    with kept.open("a", encoding="utf-8") as file:
        for number, (task, outcome) in enumerate(_each(left, work, jobs), start=1):
            done[task.key] = outcome
            file.write(json.dumps({"key": task.key, "outcome": outcome}) + "\n")
            file.flush()
            if progress is not None:
                progress(len(tasks) - len(left) + number, len(tasks))
    return {task.key: done[task.key] for task in tasks}


def _each(tasks: Sequence[Task], work: Callable[[Task], Any], jobs: int) -> Iterator[tuple[Task, Any]]:
    if jobs <= 1 or len(tasks) < 2:
        yield from ((task, work(task)) for task in tasks)
        return
    # Spawned, not forked: a fork would copy locks that another thread of this process may hold.
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))
    try:
        for task, (outcome, trouble) in zip(tasks, pool.map(partial(_told, work), tasks), strict=True):
            if trouble:
                raise TaskError(f"{task.key}: {trouble}")
            yield task, outcome
    finally:
        pool.shutdown(cancel_futures=True)


def _told(work: Callable[[Task], Any], task: Task) -> tuple[Any, str]:
    """Do a task; an error comes back in words, since not every exception survives the way between processes."""
    try:
        return work(task), ""
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"


def _read(path: Path) -> Iterator[tuple[str, Any]]:
    if not path.exists():
        return
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue  # a line that was being written when the study was ended
        yield line["key"], line["outcome"]
