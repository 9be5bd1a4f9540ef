"""What a rig file says, once it has been read: its instruments by role, and what holds for all of the bench."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, TypeVar

from pydantic import Field

from bench.plan.names import Line, Slug
from bench.quantities import Duration, NotNegative, Quantity, Tolerance, ToleranceOf
from bench.rig.declared import DeclaredEvaporation, Section
from bench.rig.instruments import BalanceSpec, ClimateSpec, DoserSpec, InstrumentSpec, OccluderSpec, PressureSpec
from bench.twin.settings import Simulation


class RigHead(Section):
    """The keys of a rig file beside its instruments."""

    rig: Slug = Field(description="the rig's own id", examples=["bench-3"])
    title: Line | None = Field(default=None, description="for people; the id where it is missing")
    evaporation: DeclaredEvaporation | None = None
    liquid_temperature: ToleranceOf("temperature") | None = Field(  # type: ignore[valid-type]
        default=None,
        description="temperature of the liquid in the vessel; that of the air where it is missing",
        examples=["23 °C ± 1 °C"],
    )
    reconnect: Annotated[Duration, NotNegative] = Field(
        default=Quantity(2, "min"),
        description="how long to wait in mid-run for an instrument whose link was lost; 0 s: not at all",
        examples=["2 min"],
    )
    simulated: bool = Field(
        default=False, description="true for a twin that is served in real time: nothing is measured"
    )
    simulation: Simulation | None = Field(
        default=None, description="the twin that stands in for the instruments, in simulated time"
    )


_Spec = TypeVar("_Spec", bound=InstrumentSpec)


@dataclass(frozen=True, slots=True)
class Rig:
    """A rig, with the text that it was read from; a pump model that the file names stands in it."""

    rig: str
    title: str
    instruments: Mapping[str, InstrumentSpec]
    evaporation: DeclaredEvaporation | None = None
    liquid_temperature: Tolerance | None = None
    simulation: Simulation | None = None
    reconnect_s: float = 120.0
    """How long to wait in mid-run for an instrument whose link was lost."""
    declared_simulated: bool = False
    """The file's own `simulated: true`: a twin that is served in real time."""
    text: str = ""
    file: str = ""
    path: str = ""
    """Where the file really is on this machine, which is not recorded; empty for a rig from text."""

    @property
    def simulated(self) -> bool:
        """Whether nothing that comes from this rig was ever measured."""
        return self.declared_simulated or self.simulation is not None

    @property
    def pump(self) -> InstrumentSpec | None:
        """The pump under test."""
        return self.instruments.get("pump")

    @property
    def balance(self) -> BalanceSpec | None:
        """The balance, with its figures."""
        return self._as("balance", BalanceSpec)

    @property
    def pressure(self) -> PressureSpec | None:
        """The pressure sensor."""
        return self._as("pressure", PressureSpec)

    @property
    def occluder(self) -> OccluderSpec | None:
        """The occluder, with its delay."""
        return self._as("occluder", OccluderSpec)

    @property
    def climate(self) -> ClimateSpec | None:
        """The climate sensor."""
        return self._as("climate", ClimateSpec)

    @property
    def power(self) -> InstrumentSpec | None:
        """The supply in place of the pump's battery."""
        return self.instruments.get("power")

    @property
    def doser(self) -> DoserSpec | None:
        """The reference doser, if there is one beside the pump."""
        return self._as("doser", DoserSpec)

    def _as(self, role: str, kind: type[_Spec]) -> _Spec | None:
        spec = self.instruments.get(role)
        return spec if isinstance(spec, kind) else None
