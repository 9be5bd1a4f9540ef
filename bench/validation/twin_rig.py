"""A twin of a laboratory's own rig: emulated instruments with the figures that its file declares of the real ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from bench.rig.instruments import SPECS, BalanceSpec, InstrumentSpec
from bench.rig.load import load_rig
from bench.rig.model import Rig
from bench.twin.settings import PumpSettings

_WHERE: dict[str, dict[str, Any]] = {
    "pump": {"driver": "scpi_insulin_pump", "address": "TCPIP0::pump.twin::5025::SOCKET", "visa": "@twin"},
    "balance": {"driver": "mettler_mt_sics", "address": "sim://twin/balance"},
    "pressure": {
        "driver": "scpi_dmm",
        "address": "TCPIP0::pressure.twin::5025::SOCKET",
        "visa": "@twin",
        "scale": "20 kPa/V",
    },
    "occluder": {"driver": "numato_relay", "address": "sim://twin/occluder", "channel": 0},
    "climate": {"driver": "vaisala_ptu300", "address": "sim://twin/climate"},
    "operator": {"driver": "line_terminal", "address": "sim://twin/operator"},
    "doser": {
        "driver": "new_era",
        "address": "sim://twin/doser",
        "baudrate": 19200,
        "diameter": "11.99 mm",
        "bolus_rate": "0.25 mL/min",
    },
}
"""How each role is emulated."""
_SUPPLY = {
    "driver": "scpi_supply",
    "address": "TCPIP0::power.twin::5025::SOCKET",
    "visa": "@twin",
    "voltage": str(PumpSettings().nominal_voltage),
}
_DOSE_KNOWN = {"certificate": "SIMULATED", "expanded_uncertainty": "0.1 µL", "k": 2}
_CONTACT = 2
"""Input of the emulated relay module with the contact at the valve, where the rig has one."""
_DECLARED_AIR = "fixed_climate"
_NOT_FIGURES = frozenset({"driver", "address", "visa", "visa_library", "serial_number"})
_NOISE_OF_REPEATABILITY = {"noise_white": 0.75, "noise_flicker": 0.15, "noise_walk": 0.01}
"""A balance's noise in terms of the standard deviation of repeated weighings on it."""
_REPEATABILITY_OF_READABILITY = 2.0


def twin_of(rig: Rig) -> Rig:
    """Return the twin of a rig; one with a `simulation:` is its own.

    The instruments are those that can be emulated, whatever stands on the bench; every figure that uncertainty is made
    of is kept: readability, repeatability, linearity, drift, certificates, needle, delays, evaporation, and whether
    there is a contact at the valve. The balance's noise follows its repeatability, or its readability where the file
    does not tell.

    Raises:
        RigFileError: the twin's own file cannot be read, which no rig file should lead to.

    """
    if rig.simulation is not None:
        return rig
    own = yaml.safe_load(rig.text)
    text = {
        "rig": rig.rig,
        "title": f"Twin of {rig.title} (nothing of it was ever measured)",
        "instruments": {
            role: _twin_instrument(role, spec, own["instruments"][role]) for role, spec in _with_pump(rig).items()
        },
        **{key: own[key] for key in ("evaporation", "liquid_temperature") if key in own},
        "simulation": _simulation(rig, own["instruments"].get("occluder", {})),
    }
    return load_rig(yaml.safe_dump(text, allow_unicode=True, sort_keys=False), name=f"twin of {rig.file or rig.rig}")


def with_supply(rig: Rig) -> Rig:
    """Return a simulated rig whose pump hangs on a supply, as tests of lost power need it; itself where it does.

    Raises:
        ValueError: the rig is not simulated.
        RigFileError: the file with a supply cannot be read, which no rig file should lead to.

    """
    if rig.simulation is None:
        raise ValueError(f"rig {rig.rig} has no simulation: to give a supply to")
    if rig.power is not None and rig.simulation.supply.connected:
        return rig
    own = yaml.safe_load(rig.text)
    own["instruments"]["power"] = dict(_SUPPLY)
    own["simulation"] = {**(own.get("simulation") or {}), "supply": {"connected": True}}
    return load_rig(yaml.safe_dump(own, allow_unicode=True, sort_keys=False), name=f"{rig.file or rig.rig} on a supply")


def twin_for(rig: Rig, needs: Mapping[str, Sequence[type]]) -> Rig:
    """Return the twin of a rig for a test that needs such roles.

    Its pump hangs on a supply where the test asks for one and the rig has it. Where the rig is simulated to begin with,
    a test that needs a reference doser gets one beside it; the twin of a laboratory's rig has what that rig has.
    """
    twin = with_supply(twin_of(rig)) if "power" in needs and rig.power is not None else twin_of(rig)
    if "doser" not in needs or rig.simulation is None or rig.doser is not None:
        return twin
    own = yaml.safe_load(twin.text)
    own["instruments"]["doser"] = {**_WHERE["doser"], "calibration": _DOSE_KNOWN}
    return load_rig(yaml.safe_dump(own, allow_unicode=True, sort_keys=False), name=f"{rig.file or rig.rig} and a doser")


def _with_pump(rig: Rig) -> dict[str, InstrumentSpec]:
    return {role: spec for role, spec in rig.instruments.items() if role in _WHERE}


def _twin_instrument(role: str, spec: InstrumentSpec, own: dict[str, Any]) -> dict[str, Any]:
    if spec.driver == _DECLARED_AIR:
        return own
    kept = {key: value for key, value in own.items() if key in SPECS[role].model_fields and key not in _NOT_FIGURES}
    if role == "occluder" and own.get("feedback"):
        kept["feedback"] = {"pin": _CONTACT}
    return {**_WHERE[role], **kept}


def _simulation(rig: Rig, occluder: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if rig.balance is not None:
        told["balance"] = _balance(rig.balance)
    if occluder.get("feedback"):
        told["emulators"] = {"occluder": {"emulator": "numato", "contact": _CONTACT}}
    return told


def _balance(spec: BalanceSpec) -> dict[str, Any]:
    readability_mg = spec.readability.to("mg")
    repeatability_mg = (
        spec.repeatability.to("mg")
        if spec.repeatability is not None
        else _REPEATABILITY_OF_READABILITY * readability_mg
    )
    noise = {key: f"{share * repeatability_mg:.9f} mg" for key, share in _NOISE_OF_REPEATABILITY.items()}
    return {"readability": f"{readability_mg:.9f} mg", **noise}
