"""Names that a plan or a rig gives to things."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

SLUG_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"

Slug = Annotated[
    str,
    StringConstraints(pattern=SLUG_PATTERN),
    Field(description="letters, digits, '.', '_' and '-', 64 at most, a letter or digit first"),
]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\r\n]*$")]
