"""A reference doser beside the pump: read, opened, named and left safe like any instrument."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.clock import SimulatedClock
from bench.rig.errors import RigFileError
from bench.rig.instruments import InstrumentSpec
from bench.rig.load import load_rig
from bench.rig.open import OpenRig, open_rig
from bench.twin.twin import Twin
from drivers.link import WireLog
from drivers.roles import DeliversBolus, DeliveryState

RIG = """\
rig: with-doser
instruments:
  pump: {driver: scpi_insulin_pump, address: "TCPIP0::pump.twin::5025::SOCKET", visa: "@twin"}
  doser: {driver: new_era, address: "sim://twin/doser", diameter: 11.99 mm,
          calibration: {certificate: CAL-7, due: 2027-03-01, expanded_uncertainty: 0.2 µL, k: 2}}
simulation: {}
"""


@pytest.fixture
def wire() -> list[str]:
    return []


@pytest.fixture
def opened(wire: list[str]) -> Iterator[OpenRig]:
    rig = load_rig(RIG, name="rig.yaml")
    assert rig.simulation is not None
    clock = SimulatedClock(rig.simulation.start_utc)

    def logs(role: str, spec: InstrumentSpec) -> WireLog:
        del spec
        return lambda _instrument, _direction, _time_s, _data: wire.append(role)

    with Twin("twin", rig.simulation, 1, clock) as twin:
        with open_rig(rig, clock, "P", logs) as made:
            yield made
        assert not twin.world.doser.drive.running


def test_its_figures_are_read() -> None:
    doser = load_rig(RIG, name="rig.yaml").doser
    assert doser is not None
    assert doser.calibration is not None
    assert doser.calibration.expanded_uncertainty.to("µL") == 0.2
    assert doser.options.diameter.to("mm") == 11.99


def test_it_is_opened_under_its_own_name_and_left_stopped(opened: OpenRig, wire: list[str]) -> None:
    assert opened.identities["doser"]["model"] == "NE-1000"
    assert set(wire) == {"pump", "doser"}
    doser = opened.doser
    assert doser is not None
    assert isinstance(doser, DeliversBolus)
    assert doser.state() is DeliveryState.ALARM  # its power-up is still to be acknowledged
    doser.acknowledge_alarms()  # type: ignore[attr-defined]
    doser.start_bolus(100.0)
    assert doser.state() is DeliveryState.BOLUS


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        (
            "driver: new_era",
            "driver: scpi_dmm",
            r"doser.driver: scpi_dmm drives another role, pressure \(allowed for doser",
        ),
        ("0.2 µL", "0.02 U", "is insulin: write the volume in µL"),
        ("driver: new_era, ", "", r"doser: key 'driver' is missing \(allowed for doser: .*new_era"),
        ("0.2 µL", "0 µL", "expanded_uncertainty"),
    ],
)
def test_what_is_no_doser_is_refused(right: str, wrong: str, told: str) -> None:
    with pytest.raises(RigFileError, match=told):
        load_rig(RIG.replace(right, wrong), name="rig.yaml")
