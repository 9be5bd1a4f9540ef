"""Runs that cannot be pooled."""

from __future__ import annotations


class PoolingError(Exception):
    """Runs do not belong together, or lack what pooling needs; the text says which, and the way out."""
