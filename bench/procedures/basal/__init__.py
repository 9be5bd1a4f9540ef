"""The basal procedure."""

from bench.procedures.basal.procedure import PROCEDURE

__all__ = ["PROCEDURE"]
