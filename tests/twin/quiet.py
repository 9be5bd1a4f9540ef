"""A simulation without anything random, for tests that know the answer in closed form."""

from typing import Any

from bench.twin.settings import Simulation

QUIET: dict[str, dict[str, Any]] = {
    "pump": {
        "device_bias_sd": "0 %",
        "pulse_sd": "0 %",
        "slow_sd": "0 %",
        "stiction": "0 %",
        "startup_excess": "0 %",
        "screw_error": "0 %",
        "clock_drift": "0 ppm",
    },
    "plant": {"evaporation": "0 mg/h", "needle_diameter": "0 mm", "slow_share": "0 %"},
    "balance": {"noise_white": "0 mg", "noise_flicker": "0 mg", "noise_walk": "0 mg", "zero_per_kelvin": "0 mg"},
    "transducer": {"noise": "0 V"},
    "climate": {"temperature_wander": "0 K", "pressure_wander": "0 hPa", "humidity_wander": "0 %"},
    "occluder": {"closing_time": "0 s", "opening_time": "0 s"},
    "operator": {},
}


def quiet(*faults: dict[str, Any], **sections: dict[str, Any]) -> Simulation:
    """Return the quiet simulation with some settings changed and some faults switched on."""
    merged = {name: {**section, **sections.get(name, {})} for name, section in QUIET.items()}
    merged |= {name: section for name, section in sections.items() if name not in QUIET}
    return Simulation.model_validate({**merged, "faults": list(faults)})
