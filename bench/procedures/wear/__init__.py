"""The wear procedure."""

from bench.procedures.wear.procedure import PROCEDURE

__all__ = ["PROCEDURE"]
