"""The blank procedure."""

from bench.procedures.blank.procedure import PROCEDURE

__all__ = ["PROCEDURE"]
