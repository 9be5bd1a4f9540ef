"""What every fault has."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Device = Literal["pump", "balance", "pressure", "occluder", "climate", "power", "alarm"]
EveryNth = Annotated[int, Field(ge=2)]


class OneFault(BaseModel):
    """One fault; its docstring begins with the place where it acts, and tells what it does."""

    model_config = ConfigDict(extra="forbid", frozen=True)
