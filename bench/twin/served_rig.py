"""The rig file that a served twin is made from, and the one that leads to its instruments in real time."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from bench.twin.server import LOOPBACK, Address
from bench.twin.settings import Simulation

_SIM = re.compile(r"sim://[^/]+/(\w+)$")
_VISA = re.compile(r"TCPIP\d*::(\w+)\.[\w-]+::\d+::SOCKET$", re.IGNORECASE)


class ServeError(ValueError):
    """The rig file cannot be simulated; the text says why."""


def read_rig(rig_path: Path, text: str | None) -> tuple[dict[str, Any], Simulation]:
    """Return a rig's data, of its text or of its file, and the simulation in it.

    Raises:
        ServeError: the rig file is none, or has nothing to simulate.

    """
    try:
        data = yaml.safe_load(rig_path.read_text(encoding="utf-8") if text is None else text)
    except (OSError, yaml.YAMLError) as error:
        raise ServeError(f"{rig_path}: {error}") from error
    if not isinstance(data, dict) or not isinstance(data.get("instruments"), dict):
        raise ServeError(f"{rig_path}: no rig file (it has no instruments: section)")
    if "simulation" not in data:
        raise ServeError(f"{rig_path}: nothing to simulate (it has no simulation: section)")
    try:
        return data, Simulation.model_validate(data["simulation"] or {})
    except ValueError as error:
        raise ServeError(f"{rig_path}: {error}") from error


def served_rig(data: dict[str, Any], addresses: dict[str, Address], *, tcp: bool) -> dict[str, Any]:
    """Return a rig's data with the twin's addresses replaced by those in real time, for the rig's own drivers."""
    served = {key: value for key, value in data.items() if key != "simulation"}
    served["simulated"] = True
    served["instruments"] = {
        role: _served_instrument(instrument, addresses, tcp=tcp) for role, instrument in data["instruments"].items()
    }
    return served


def _served_instrument(instrument: Any, addresses: dict[str, Address], *, tcp: bool) -> Any:
    if not isinstance(instrument, dict) or not isinstance(instrument.get("address"), str):
        return instrument
    served = dict(instrument)
    if (match := _SIM.match(served["address"])) and match.group(1) in addresses:
        address = addresses[match.group(1)]
        served["address"] = f"socket://{LOOPBACK}:{address.tcp_port}" if tcp else address.terminal
    elif (match := _VISA.match(served["address"])) and match.group(1) in addresses:
        served["address"] = f"TCPIP0::{LOOPBACK}::{addresses[match.group(1)].tcp_port}::SOCKET"
        served["visa"] = "@py"
    return served
