"""Whatever happens to the lines of a sensor or an occluder, its driver raises an InstrumentError or tells the truth."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bench.twin.emulators.dmm import Dmm
from bench.twin.emulators.keller import Keller
from bench.twin.emulators.keller import Options as KellerMenu
from bench.twin.emulators.numato import NumatoRelay as NumatoModule
from bench.twin.emulators.ptu300 import Ptu300
from bench.twin.emulators.px409 import Options as Px409Menu
from bench.twin.emulators.px409 import Px409
from bench.twin.emulators.scpi_switch import ScpiSwitch as UnitOfSwitches
from drivers.climate.vaisala_ptu300 import VaisalaPtu300
from drivers.errors import InstrumentError
from drivers.occluder.numato_relay import Feedback, NumatoRelay
from drivers.occluder.numato_relay import Options as RelayOptions
from drivers.occluder.scpi_switch import Options as SwitchOptions
from drivers.occluder.scpi_switch import ScpiSwitch
from drivers.pressure.keller_bus import KellerBus
from drivers.pressure.keller_bus import Options as KellerOptions
from drivers.pressure.omega_px409 import OmegaPx409
from drivers.pressure.omega_px409 import Options as OmegaOptions
from drivers.pressure.scpi_dmm import Options as DmmOptions
from drivers.pressure.scpi_dmm import ScpiDmm
from drivers.roles import Reading
from tests.drivers.desk import Desk
from tests.drivers.test_balance_fuzz import HARM, NOISE, Harmed, outcome
from tests.twin.test_emulator_keller import framed

FEW = settings(max_examples=50)
STEP_S = 0.01
# Frames with a right checksum get further than any bytes.
REPLIES = st.one_of(NOISE, st.binary(max_size=8).map(lambda data: framed(1, 73, *data)))


class RisingPressure:
    """A pressure that rises by 1 kPa a second in steps, so that a reading tells when it was taken."""

    def pressure_kpa(self, time_s: float) -> float:
        return math.floor(time_s / STEP_S) * STEP_S

    def volts(self, time_s: float) -> float:
        return self.pressure_kpa(time_s)


class RisingAir:
    """Air whose pressure rises by 1 hPa a second, shown to a tenth."""

    def read(self, time_s: float) -> tuple[float, float, float]:
        return 23.0, time_s, 50.0


def _open_dmm(link: Any) -> ScpiDmm:
    return ScpiDmm(link, DmmOptions.model_validate({"scale": "1 kPa/V", "range": "1000 V"}))


def _omega(say: Any, _: Any) -> Px409:
    return Px409(say, RisingPressure(), lambda _: 101.325, Px409Menu(unit="kPa", full_scale=900.0))


def _open_keller(link: Any) -> KellerBus:
    return KellerBus(link, KellerOptions(reference="gauge", bus_address=1))


def _air(_: float) -> tuple[float, float, float]:
    return 23.0, 1013.25, 50.0


# What opens the driver on a link, and the instrument that it talks to.
SENSORS: dict[str, tuple[Callable[[Any], Any], Callable[..., Any]]] = {
    "omega": (lambda link: OmegaPx409(link, OmegaOptions()), _omega),
    "multimeter": (_open_dmm, lambda say, _: Dmm(say, RisingPressure())),
    "keller": (_open_keller, lambda say, _: Keller(say, RisingPressure(), _air, KellerMenu(echo=False))),
    "keller with echo": (_open_keller, lambda say, _: Keller(say, RisingPressure(), _air)),
}


@pytest.mark.parametrize("name", SENSORS)
@FEW
@given(harms=st.lists(HARM, max_size=6))
def test_a_reading_is_of_the_time_since_it_was_asked_for(name: str, harms: list[tuple[str, Any]]) -> None:
    make, emulator = SENSORS[name]
    # Text without a checksum cannot tell a sign or a digit more from its own.
    assume(name == "keller" or not any(kind == "noise" and much[-1:] in b"+-.0123456789" for kind, much in harms))
    link = Harmed(emulator)
    sensor = make(link)
    link.harms = list(harms)
    for _ in range(4):
        asked_s = link.clock.now_s()
        reading = outcome(sensor.read)
        assert link.clock.now_s() < asked_s + 30.0
        if reading is not None:
            assert asked_s - 2 * STEP_S <= reading.value <= reading.time_s + 1e-3, reading
    link.harms.clear()
    link.clock.sleep_s(10.0)  # until what is late has come
    outcome(sensor.read)
    assert sensor.read().status == "ok"  # it has got back into step
    assert sensor.identify() == make(Harmed(emulator)).identify()


@FEW
@given(harms=st.lists(HARM, max_size=6))
def test_the_air_is_that_of_the_time_since_it_was_asked_for(harms: list[tuple[str, Any]]) -> None:
    link = Harmed(lambda say, _: Ptu300(say, RisingAir()))
    sensor = VaisalaPtu300(link)
    sensor.identify()
    link.harms = list(harms)
    for _ in range(4):
        asked_s = link.clock.now_s()
        climate = outcome(sensor.read)
        assert link.clock.now_s() < asked_s + 30.0
        if climate is not None:
            assert asked_s - 0.2 <= climate.pressure_hpa <= climate.time_s + 0.06, climate
    link.harms.clear()
    link.clock.sleep_s(10.0)
    outcome(sensor.read)
    assert sensor.read().pressure_hpa == pytest.approx(link.clock.now_s(), abs=0.2)


OPENINGS: dict[str, tuple[Callable[[Any], Any], Callable[[bytes], bytes | None]]] = {
    "omega": (
        lambda link: OmegaPx409(link, OmegaOptions()),
        {b"ENQ\r": b"A\r\nB\r\n0.0 to 15.0 psi G\r\n>", b"SNR\r": b"SNR = 1\r\n>"}.get,
    ),
    "keller": (
        _open_keller,
        {
            framed(1, 48): framed(1, 48, 5, 20, 12, 28, 10, 1),
            framed(1, 69): framed(1, 69, 0, 0, 0, 1),
            framed(1, 73, 1): framed(1, 73, 0, 0, 0, 0, 0),
        }.get,
    ),
}


@pytest.mark.parametrize("name", OPENINGS)
@FEW
@given(replies=st.lists(REPLIES, min_size=1, max_size=6))
def test_whatever_is_answered(name: str, replies: list[bytes]) -> None:
    make, answers = OPENINGS[name]
    desk = Desk(answers)
    sensor = make(desk)
    left = list(replies)
    desk.answer = lambda _: left.pop(0) if left else None
    for _ in range(3):
        asked_s = desk.clock.now_s()
        reading = outcome(sensor.read)
        assert desk.clock.now_s() < asked_s + 30.0
        assert not isinstance(reading, Reading) or math.isfinite(reading.value) == (reading.status == "ok")


@pytest.mark.parametrize("name", OPENINGS)
@pytest.mark.parametrize("noise", [b"\xfe" * 2_000_000, b"x\r\n>" * 50_000])
def test_megabytes_of_noise_end_at_the_deadline(name: str, noise: bytes) -> None:
    make, answers = OPENINGS[name]
    desk = Desk(answers)
    sensor = make(desk)
    desk.answer = lambda _: noise
    assert outcome(sensor.read) is None
    assert outcome(sensor.read) is None
    assert desk.clock.now_s() < 60.0
    fresh = Desk(lambda _: noise)
    assert outcome(lambda: make(fresh)) is None
    assert fresh.clock.now_s() < 60.0


class LateValve:
    """A valve that moves a while after its relay; `moved_s` is when it last did."""

    def __init__(self, takes_s: float) -> None:
        self.link: Harmed
        self.told = False
        self.moved_s = -math.inf
        self._takes_s = takes_s

    def set(self, closed: bool, time_s: float) -> None:
        if closed != self.told:
            self.told, self.moved_s = closed, time_s + self._takes_s

    @property
    def shut(self) -> bool:
        """Where it is now."""
        return self.told if self.link.clock.now_s() >= self.moved_s else not self.told


def _open_switch(link: Any) -> ScpiSwitch:
    return ScpiSwitch(link, SwitchOptions(channel=101))


OCCLUDERS: dict[str, tuple[Callable[[Any], Any], Callable[[Any, LateValve], Any]]] = {
    "numato": (lambda link: NumatoRelay(link, RelayOptions()), lambda say, valve: NumatoModule(say, valve)),
    "numato with a contact": (
        lambda link: NumatoRelay(link, RelayOptions(feedback=Feedback(pin=2))),
        lambda say, valve: NumatoModule(say, valve, contact=2),
    ),
    "switch": (_open_switch, UnitOfSwitches),
}


@pytest.mark.parametrize("name", OCCLUDERS)
@FEW
@given(harms=st.lists(HARM, max_size=6))
def test_a_movement_that_is_confirmed_was_made(name: str, harms: list[tuple[str, Any]]) -> None:
    make, emulator = OCCLUDERS[name]
    valve = LateValve(0.3)
    link = valve.link = Harmed(lambda say, _: emulator(say, valve))
    occluder = make(link)
    link.harms = list(harms)
    for shut in (True, False, True, False):
        begun_s = link.clock.now_s()
        try:
            (occluder.occlude if shut else occluder.release)()
        except InstrumentError:
            assert link.clock.now_s() < begun_s + 60.0
            continue
        assert valve.told is shut
        moved_s = occluder.moved_between_s() if isinstance(occluder, NumatoRelay) else None
        if moved_s is not None and begun_s <= valve.moved_s:
            assert moved_s[0] <= valve.moved_s + 1e-6
            assert valve.moved_s <= moved_s[1] + 1e-6
            assert valve.shut is shut
        assert outcome(occluder.is_occluded) in (None, shut if name != "numato with a contact" else valve.shut)
    link.harms.clear()
    link.clock.sleep_s(10.0)
    outcome(occluder.is_occluded)
    occluder.release()
    assert valve.told is False
