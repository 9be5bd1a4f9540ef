"""Names that a plan or a rig gives to things."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

SLUG_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
_SLUG_IN_WORDS = "letters, digits, '.', '_' and '-', 64 at most, a letter or digit first"


def _slug(text: str) -> str:
    # Names become pytest node ids, file names and HTML, none of which escapes them for us.
    if not re.fullmatch(SLUG_PATTERN.strip("^$"), text):
        shown = text if len(text) <= 70 else f"{text[:67]}…"
        raise ValueError(f"found {shown!r}; a name is made of {_SLUG_IN_WORDS}")
    return text


def _line(text: str) -> str:
    if not text.strip() or not text.isprintable() or len(text) > 200:
        raise ValueError("must be one line of 1 to 200 printable characters")
    return text


Slug = Annotated[
    str,
    AfterValidator(_slug),
    WithJsonSchema({"type": "string", "pattern": SLUG_PATTERN, "description": _SLUG_IN_WORDS}),
]
Line = Annotated[str, AfterValidator(_line), Field(min_length=1, max_length=200)]
