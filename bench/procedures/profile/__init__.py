"""The profile procedure."""

from bench.procedures.profile.procedure import PROCEDURE

__all__ = ["PROCEDURE"]
