"""The power procedure."""

from bench.procedures.power.procedure import PROCEDURE

__all__ = ["PROCEDURE"]
