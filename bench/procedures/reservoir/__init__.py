"""The reservoir procedure."""

from bench.procedures.reservoir.procedure import PROCEDURE

__all__ = ["PROCEDURE"]
