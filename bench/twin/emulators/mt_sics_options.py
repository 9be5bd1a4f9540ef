"""What a rig file may say of the MT-SICS balance, beside its physics (`simulation.balance`)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from bench.quantities import Duration, Positive, Quantity
from bench.twin.emulators.mt_sics_info import LEVELS, MODEL

STABILITY_TIMEOUT_S = 40.0
"""Factory setting (manual 11781363, p.177)."""
_INDISPENSABLE = ("@", "I0")


class Options(BaseModel):
    """What a rig may say of this balance beside its physics."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(MODEL, pattern=r"^[ !#-~]{1,20}$", description="what it calls itself, at most 20 characters")
    never_stable: bool = Field(False, description="it flags every weight as moving, as parcel scales do")
    lacks: list[str] = Field([], description="commands that it does not have, such as [ZI, TI, SC, UPD]")
    host_unit: Literal["g", "kg", "mg", "ct", "lb", "oz", "ozt", "GN", "dwt", "mom"] = Field(
        "g", description="the unit that it was set to send weights in"
    )
    stability_timeout: Annotated[Duration, Positive] = Quantity(STABILITY_TIMEOUT_S, "s")
    """How long `S`, `Z` and `T` wait for a stable pan."""
    reset_clears_tare: bool = Field(False, description="`@` clears the tare, as older models do")
    internal_weight: bool = Field(True, description="whether it can adjust itself")
    print_key: list[Duration] = Field([], description="when somebody presses its print key, which sends the weight")
    restarts: list[Duration] = Field([], description="when its power fails for a moment")

    @field_validator("lacks")
    @classmethod
    def _could_be_lacking(cls, lacks: list[str]) -> list[str]:
        known = [name for names in LEVELS.values() for name in names if name not in _INDISPENSABLE]
        for name in lacks:
            if name not in known:
                raise ValueError(f"{name!r} is none that it could lack ({', '.join(known)})")
        return lacks
