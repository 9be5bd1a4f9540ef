"""One process at a time on a rig."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.clock import Clock
from bench.rig.errors import RigError


class RigInUseError(RigError):
    """Another process has the rig."""


@contextmanager
def rig_lock(rig_file: str, rig_name: str, plan: str, clock: Clock) -> Iterator[Path]:
    """Hold a rig for this process; give the lock file's path.

    The lock is the kernel's (flock): it ends with the process that holds it, however that ends, so none is ever stale.
    The file only tells others who holds it.

    Args:
        rig_file: path of the rig file; the same file is the same rig by whatever path it is named.
        rig_name: what the rig calls itself.
        plan: what the rig is held for.
        clock: dates the lock by its wall clock.

    Raises:
        RigInUseError: another process holds it; the text names it.

    """
    path = lock_path(rig_file)
    descriptor = _open(path)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RigInUseError(_in_use(path, rig_name, rig_file)) from None
        holder = {"pid": os.getpid(), "plan": plan, "since": clock.wall_utc().isoformat(timespec="seconds")}
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(holder).encode(), 0)
        try:
            yield path
        finally:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def lock_path(rig_file: str) -> Path:
    """Return the lock file of a rig: one a rig file, in the machine's folder for temporary files."""
    resolved = Path(rig_file).resolve()
    key = hashlib.sha256(str(resolved).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"pumpbench-{resolved.stem}-{key}.lock"


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_NOFOLLOW
    try:
        # Without O_CREAT first: in a sticky folder Linux refuses it for a file that another user made.
        return os.open(path, flags)
    except FileNotFoundError:
        descriptor = os.open(path, flags | os.O_CREAT, 0o666)
        os.fchmod(descriptor, 0o666)  # a bench is shared: the next user must be able to take the lock
        return descriptor


def _in_use(path: Path, rig_name: str, rig_file: str) -> str:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        who = f"process {holder['pid']} has it for plan {holder['plan']} since {holder['since']}"
    except (OSError, ValueError, KeyError):
        who = "another process has just taken it"
    return f"rig {rig_name} ({rig_file}) is in use: {who}. Wait for it or end that process; the lock ends with it."
