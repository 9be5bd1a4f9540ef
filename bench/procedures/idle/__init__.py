"""The idle procedure."""

from bench.procedures.idle.procedure import PROCEDURE

__all__ = ["PROCEDURE"]
