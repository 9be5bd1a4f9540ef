"""Rig files: what is read from them, and every refusal with its place, what was found and what is allowed."""

from __future__ import annotations

import copy
import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from bench.quantities import Quantity, Tolerance
from bench.rig.errors import RigError, RigFileError
from bench.rig.instruments import BalanceSpec
from bench.rig.load import instrument_model, load_rig
from bench.rig.schema import rig_schema
from bench.strict_yaml import load
from drivers.registry import DriverEntry, driver, drivers_of

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted((ROOT / "fixtures").glob("*.yaml"))
PUMPS = ", ".join(drivers_of("pump"))
RIG = """\
# A rig of these tests
rig: bench-9
title: Bench 9
instruments:
  pump:     {driver: scpi_insulin_pump, address: /dev/serial/by-id/usb-a, serial_number: "0042"}
  balance:
    driver: mettler_mt_sics
    address: /dev/serial/by-id/usb-b
    baudrate: 19200
    readability: 0.01 mg
    repeatability: 0.02 mg
    linearity: 0.05 mg
    drift: 0.02 mg/h
    calibration: {certificate: CAL-1, due: 2027-03-01, expanded_uncertainty: 30 ug, k: 2}
    immersion: {needle_outer_diameter: 0.5 mm, vessel_inner_diameter: 2 cm}
    vessel: {displaced_volume: 20 mL ± 5 mL}
  pressure: {driver: scpi_dmm, address: "TCPIP0::192.0.2.7::5025::SOCKET", visa: "@ivi", scale: 20 kPa/V,
             calibration: {certificate: CAL-2, expanded_uncertainty: 0.5 kPa}}
  occluder: {driver: numato_relay, address: /dev/serial/by-id/usb-c, channel: 3, closed_when: released,
             actuation_delay: {mean: 80 ms, half_width: 20 ms}}
  climate:  {driver: fixed_climate, temperature: 23 °C, pressure: 1013 hPa, humidity: 50 %}
evaporation: {rate: 0.05 mg/h, half_width: 0.05 mg/h}
liquid_temperature: 23 °C ± 1 °C
"""


def refusal(text: str) -> str:
    with pytest.raises(RigFileError) as caught:
        load_rig(text, name="r.yaml")
    return str(caught.value)


def test_a_rig_is_read_with_its_units_and_each_driver_s_own_options() -> None:
    rig = load_rig(RIG, name="fixtures/bench-9.yaml")
    assert (rig.rig, rig.title, rig.file, rig.text) == ("bench-9", "Bench 9", "fixtures/bench-9.yaml", RIG)
    assert list(rig.instruments) == ["pump", "balance", "pressure", "occluder", "climate"]
    assert rig.evaporation is not None
    assert rig.evaporation.rate == Quantity(0.05, "mg/h")
    assert rig.liquid_temperature == Tolerance(23.0, 1.0, "°C")
    assert not rig.simulated

    assert rig.pump is not None
    assert (rig.pump.driver, rig.pump.serial_number, rig.pump.visa_library) == ("scpi_insulin_pump", "0042", "@py")
    balance = rig.balance
    assert isinstance(balance, BalanceSpec)
    assert balance.options == driver("mettler_mt_sics").Options(baudrate=19200)
    assert (balance.readability, balance.repeatability) == (Quantity(0.01, "mg"), Quantity(0.02, "mg"))
    assert (balance.linearity, balance.drift) == (Quantity(0.05, "mg"), Quantity(0.02, "mg/h"))
    assert balance.calibration is not None
    assert balance.calibration.due == dt.date(2027, 3, 1)
    assert balance.calibration.expanded_uncertainty.to("mg") == 0.03
    assert balance.immersion is not None
    assert (balance.immersion.needle_mm, balance.immersion.vessel_mm) == (
        Tolerance(0.5, 0.0, "mm"),
        Tolerance(20.0, 0.0, "mm"),
    )
    assert balance.vessel is not None
    assert balance.vessel.displaced_ml == Tolerance(20.0, 5.0, "mL")
    assert rig.pressure is not None
    assert rig.pressure.visa_library == "@ivi"
    assert rig.pressure.options.scale == Quantity(20.0, "kPa/V")
    assert rig.pressure.calibration is not None
    assert (rig.pressure.calibration.k, rig.pressure.calibration.due) == (2.0, None)
    assert rig.occluder is not None
    assert (rig.occluder.options.channel, rig.occluder.options.closed_when) == (3, "released")
    assert rig.occluder.actuation_delay is not None
    assert rig.occluder.actuation_delay.mean == Quantity(80.0, "ms")
    assert rig.climate is not None
    assert (rig.climate.address, rig.climate.options.humidity) == ("", Quantity(50.0, "%"))


def test_a_clamp_that_shuts_before_it_is_told_is_refused() -> None:
    assert "no clamp moves before it is told to" in refusal(RIG.replace("half_width: 20 ms", "half_width: 90 ms"))


def test_a_rig_needs_only_what_stands_on_it() -> None:
    rig = load_rig("rig: small\ninstruments: {pump: {driver: scpi_insulin_pump, address: /dev/x}}\n")
    assert rig.title == "small"
    assert (rig.balance, rig.pressure, rig.occluder, rig.climate, rig.evaporation) == (None, None, None, None, None)


@pytest.mark.parametrize(
    ("line", "simulated"),
    [("", False), ("simulated: false", False), ("simulated: true", True), ("simulation: {}", True)],
)
def test_a_rig_is_simulated_when_its_file_says_so_or_holds_a_twin(line: str, simulated: bool) -> None:
    assert load_rig(RIG + line).simulated is simulated


def test_the_simulation_of_a_rig_is_read() -> None:
    rig = load_rig(RIG + "simulation: {seed: 7, faults: [{fault: dose_scale_error, factor: 1.2}]}")
    assert rig.simulation is not None
    assert rig.simulation.seed == 7
    assert [fault.fault for fault in rig.simulation.faults] == ["dose_scale_error"]


# Each line of the rig above, as it was and as it is spoilt; the bar stands where the fault is.
REFUSED = [
    ("rig: bench-9", "|rg: bench-9",
     "unknown key 'rg'; did you mean 'rig'? (allowed: $schema, evaporation, instruments,"),
    ("rig: bench-9", "rig: |bench 9", "rig: found 'bench 9'; a name is made of letters, digits"),
    ("rig: bench-9", "rig: bench-9\nsimulated: |1", "simulated: found 1; must be a valid boolean"),
    ("  pump:", "  |pmup:",
     "unknown key 'pmup'; did you mean 'pump'? (allowed: pump, balance, pressure, occluder, climate, operator, power,"),
    ("  pump:     {driver", "  |pump:     {drver",
     f"instruments.pump: key 'driver' is missing (allowed for pump: {PUMPS})"),
    ("driver: scpi_insulin_pump", "driver: |scpi_insulinpump",
     "no driver is called 'scpi_insulinpump'"),
    ("driver: scpi_insulin_pump", "driver: |numato_relay",
     f"instruments.pump.driver: numato_relay drives another role, occluder (allowed for pump: {PUMPS})"),
    (', serial_number: "0042"', ", serial_number: |0042", "instruments.pump.serial_number: '0042' has a leading zero"),
    (', serial_number: "0042"', ", serial_number: |42",
     "instruments.pump.serial_number: found 42; text is meant here: quote it"),
    (', serial_number: "0042"', ", |serial: x", "unknown key 'serial'; did you mean"),
    (', serial_number: "0042"', ", |readability: 1 mg",
     "unknown key 'readability' (allowed: address, baudrate, driver,"),
    (', serial_number: "0042"', ", |options: {}", "unknown key 'options'"),
    (", address: /dev/serial/by-id/usb-a", "", "instruments.pump: key 'address' is missing"),
    (", address: /dev/serial/by-id/usb-a", ", address: |''",
     "instruments.pump.address: found ''; string should have at least 1"),
    ("    readability: 0.01 mg\n", "", "instruments.balance: key 'readability' is missing"),
    ("    readability: 0.01 mg\n", "    readability: |0.01\n",
     "instruments.balance.readability: '0.01' has no unit; allowed: a number and one of g"),
    ("    readability: 0.01 mg\n", "    readability: |0 mg\n",
     "instruments.balance.readability: must be more than nothing, not 0 mg"),
    ("    readability: 0.01 mg\n", "    readability: |0,01 mg\n",
     "'0,01 mg' has a decimal comma; write a point ('0.01 mg')"),
    ("    readability: 0.01 mg\n", "    readability: |10 ml\n", "'10 ml' is a volume where a mass is meant"),
    ("    linearity: 0.05 mg\n", "    linearity: |-1 mg\n", "instruments.balance.linearity: cannot be negative: -1 mg"),
    ("    baudrate: 19200\n", "    baudrate: |19200 Hz\n",
     "instruments.balance.baudrate: found '19200 Hz'; must be a valid integer"),
    ("    baudrate: 19200\n", "    |boudrate: 19200\n", "unknown key 'boudrate'; did you mean 'baudrate'?"),
    ("due: 2027-03-01", "due: |2027-02-30",
     "calibration.due: found '2027-02-30'; a date is meant, written as 2027-03-01"),
    ("due: 2027-03-01", "due: |1.3.2027", "calibration.due: found '1.3.2027'; a date is meant, written as 2027-03-01"),
    ("certificate: CAL-1", "certificate: |2026-11-23", "'2026-11-23' is a date to some YAML readers; quote it"),
    ("30 ug, k: 2", "30 ug, k: |0", "calibration.k: found 0; must be greater than or equal to 1"),
    ("30 ug, k: 2", "|0.5 kPa", "expanded_uncertainty: '0.5 kPa' is a pressure where a mass is meant"),
    (", expanded_uncertainty: 0.5 kPa", "", "instruments.pressure.calibration: key 'expanded_uncertainty' is missing"),
    (", scale: 20 kPa/V", "", "instruments.pressure: key 'scale' is missing"),
    (", scale: 20 kPa/V", ", scale: |20 kPa",
     "instruments.pressure.scale: '20 kPa' is a pressure where a pressure per voltage is meant"),
    ("closed_when: released", "closed_when: |off", "'off' is a boolean to some YAML readers"),
    ("closed_when: released", "closed_when: |energized",
     "found 'energized'; did you mean 'energised'? must be 'energised' or 'released'"),
    ("humidity: 50 %", "humidity: |50", "instruments.climate.humidity: '50' has no unit"),
    ("0.5 mm, vessel", "|0 mm, vessel", "needle_outer_diameter: must be more than nothing, not 0 mm"),
    ("0.5 mm, vessel", "|0.5 mm ± 0.5 mm, vessel", "must be more than nothing, its half width taken off"),
    ("immersion: {needle_outer_diameter: 0.5 mm", "immersion: |{needle_outer_diameter: 21 mm",
     "a needle of 21 mm does not fit into a vessel of 2 cm"),
    ("displaced_volume: 20 mL ± 5 mL", "displaced_volume: |20 mL", "is no volume with its half width; write it as"),
    ("{displaced_volume: 20 mL ± 5 mL}", "|{displaced_volume: 2000 U ± 5 U}", "is a volume of air: write it in mL"),
    ("{displaced_volume: 20 mL ± 5 mL}", "|{displaced_volume: 2 mL ± 5 mL}", "may be less than nothing"),
    ("evaporation: {rate: 0.05 mg/h, half_width: 0.05 mg/h}", "|evaporation: {rate: 0.05 mg/h}",
     "evaporation: key 'half_width' is missing"),
    ("liquid_temperature: 23 °C ± 1 °C", "liquid_temperature: |23 °C",
     "is no temperature with its half width; write it as"),
    ("rig: bench-9", "rig: bench-9\nsimulation: {|sede: 1}", "unknown key 'sede'; did you mean 'seed'?"),
    ("rig: bench-9", "rig: bench-9\nsimulation: {faults: [{fault: |bubbel}]}",
     "simulation.faults[0].fault: found 'bubbel'; did you mean 'bubble'?"),
    ("rig: bench-9", "rig: bench-9\nsimulation: {pump: {pulse: |0 U}}", "simulation.pump.pulse:"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "message"), REFUSED, ids=[case[1].strip()[:50] for case in REFUSED])
def test_what_is_no_rig_is_refused_with_its_place_and_the_way_out(before: str, after: str, message: str) -> None:
    assert before in RIG
    marked = RIG.replace(before, after, 1)
    told = [line for line in refusal(marked.replace("|", "", 1)).splitlines() if message in line]
    assert told, refusal(marked.replace("|", "", 1))
    if "|" in marked:
        rows = marked.partition("|")[0].split("\n")
        assert told[0].startswith(f"r.yaml:{len(rows)}:{len(rows[-1]) + 1}: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "r.yaml:1:1: the file is empty"),
        ("- pump", "r.yaml:1:1: a rig file is a mapping that begins with 'rig:'"),
        ("rig: x", "r.yaml:1:1: instruments: 'instruments' must name at least one instrument by role"),
        (
            "rig: x\ninstruments: {}",
            "r.yaml:2:14: instruments: 'instruments' must name at least one instrument by role",
        ),
        ("rig: x\ninstruments: [pump]", "r.yaml:2:14: instruments: 'instruments' must name"),
        (
            "rig: x\ninstruments: {pump: none}",
            "instruments.pump: an instrument is a mapping such as {driver: …, address: …}",
        ),
        ("instruments: {climate: {driver: fixed_climate}}", "r.yaml:1:1: key 'rig' is missing"),
        ("rig: x\ninstruments: {pump: {driver: [a]}}", "r.yaml:2:30: instruments.pump.driver: no driver is called"),
    ],
)
def test_a_file_that_is_no_rig_at_all_is_refused(text: str, message: str) -> None:
    assert message in refusal(text)


def test_all_errors_come_at_once_each_with_its_line() -> None:
    spoilt = RIG.replace("rig: bench-9", "rig: bench 9").replace("0.01 mg", "0.01").replace("20 kPa/V", "20")
    spoilt = spoilt.replace("channel: 3", "channel: x").replace("mg/h, half_width", "mg/h, halfwidth")
    numbers = re.findall(r"^r\.yaml:(\d+):\d+: ", refusal(spoilt), re.MULTILINE)
    assert numbers == ["2", "10", "17", "19", "22", "22"]


def test_a_bad_rig_is_a_rig_error_whoever_asks() -> None:
    with pytest.raises(RigError):
        load_rig("rig: 1")
    with pytest.raises(RigError, match=r"none\.yaml:1:1: cannot be read"):
        load_rig(Path("none.yaml"))


@given(
    st.lists(
        st.sampled_from([*"\n:-{}[],' #", "  ", "rig", "instruments", "pump", "driver", "x", ": ", "1"]), max_size=20
    )
)
def test_no_text_raises_anything_but_its_own_error(parts: list[str]) -> None:
    with pytest.raises(RigFileError, match=r"^<text>:\d+:\d+: "):
        load_rig("".join(parts))


def test_a_driver_may_not_use_the_keys_that_its_role_has() -> None:
    class Greedy(BaseModel):
        address: str

    known = driver("fixed_climate")
    entry = DriverEntry("greedy", "climate", known.instrument, known.factory, Greedy, "")
    with pytest.raises(TypeError, match="driver 'greedy' has options that every climate has already: address"):
        instrument_model("climate", entry)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_the_shipped_rigs_are_read(path: Path) -> None:
    rig = load_rig(path)
    assert rig.simulated is path.name.startswith("simulated")
    more = {
        "simulated.yaml": {"operator", "power"},
        "simulated-new-era.yaml": {"doser"},
        "simulated-operator-pump.yaml": {"operator", "alarm"},
    }
    assert set(rig.instruments) == {"pump", "balance", "pressure", "occluder", "climate"} | more.get(path.name, set())


def test_a_pump_of_small_pulses_stands_before_the_instruments_of_the_simulated_bench() -> None:
    instruments = load_rig(ROOT / "fixtures" / "simulated.yaml").instruments
    small = load_rig(ROOT / "fixtures" / "simulated-paediatric.yaml").instruments
    assert small == {name: spec for name, spec in instruments.items() if name in small}


def test_the_template_invents_no_certificate() -> None:
    rig = load_rig(ROOT / "fixtures" / "bench-3.yaml")
    assert [getattr(spec, "calibration", None) for spec in rig.instruments.values()] == [None] * 5
    assert rig.evaporation is None


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = rig_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_the_shipped_rigs_are_valid_by_the_schema(validator: Draft202012Validator, path: Path) -> None:
    assert [error.message for error in validator.iter_errors(load(path).data)] == []


def _spoil(*path: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        for part in path[:-1]:
            data = data[part]
        data[path[-1]] = value

    return change


@pytest.mark.parametrize(
    "spoil",
    [
        _spoil("rg", value="x"),
        _spoil("rig", value="no slug"),
        _spoil("instruments", "pmup", value={}),
        _spoil("instruments", "pump", "driver", value="numato_relay"),
        _spoil("instruments", "pump", "address", value=""),
        _spoil("instruments", "balance", "readability", value=0.01),
        _spoil("instruments", "balance", "readability", value="0.01 ml"),
        _spoil("instruments", "balance", "calibration", "due", value="1.3.2027"),
        _spoil("instruments", "pressure", "scale", value="20 kPa"),
        _spoil("instruments", "occluder", "closed_when", value="off"),
        _spoil("instruments", "climate", "address", value=None),
        _spoil("liquid_temperature", value="23 °C"),
        _spoil("simulation", value={"sede": 1}),
    ],
)
def test_what_the_bench_refuses_an_editor_marks(
    validator: Draft202012Validator, spoil: Callable[[dict[str, Any]], None]
) -> None:
    data = copy.deepcopy(load(RIG, date_keys={"due"}).data)
    assert list(validator.iter_errors(data)) == []
    spoil(data)
    assert list(validator.iter_errors(data))


def test_every_driver_is_offered_with_its_options() -> None:
    definitions = rig_schema()["$defs"]
    for role in ("pump", "balance", "pressure", "occluder", "climate", "power"):
        for name, entry in drivers_of(role).items():
            keys = definitions[f"{role}_{name}"]["properties"]
            assert keys["driver"]["const"] == name
            assert set(entry.Options.model_fields) < set(keys)
            assert "options" not in keys
