"""The serial line of a balance as a rig file sets it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from drivers.link import SerialLine


class LineOptions(BaseModel):
    """What a rig may say of such a balance; each protocol has its own factory setting."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    baudrate: int = Field(9600, ge=150, le=115200, description="as set in the balance's menu")
    bytesize: Literal[7, 8] = 8
    parity: Literal["E", "O", "N"] = Field("N", description="even, odd or none")
    stopbits: Literal[1, 2] = 1
    stable_timeout_s: float = Field(60.0, ge=5.0, le=180.0, description="how long to wait for a stable pan (s)")

    def lines(self) -> list[SerialLine]:
        """Return how the line is set."""
        return [SerialLine(self.baudrate, self.bytesize, self.parity, self.stopbits)]
