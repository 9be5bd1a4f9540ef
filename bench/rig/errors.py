"""Errors of a rig: its file, its instruments, who else uses it."""

from __future__ import annotations

from bench.strict_yaml import YamlError


class RigError(Exception):
    """Base of everything that is wrong with a rig."""


class RigFileError(YamlError, RigError):
    """A rig file that cannot be used; `problems` holds every error, each with file, line and column."""
