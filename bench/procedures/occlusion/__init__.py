"""The occlusion procedure."""

from bench.procedures.occlusion.procedure import PROCEDURE

__all__ = ["PROCEDURE"]
