"""The bolus procedure."""

from bench.procedures.bolus.procedure import PROCEDURE

__all__ = ["PROCEDURE"]
