"""The check procedure."""

from bench.procedures.check.procedure import PROCEDURE

__all__ = ["PROCEDURE"]
