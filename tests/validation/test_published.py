"""The shipped pump models beside what was published: each loads, and lands where its page says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.rig.load import load_rig
from bench.twin.settings import PumpSettings
from bench.validation.designs import HOUR_S, Pumps
from bench.validation.published import FIGURES
from tests.twin.quiet import quiet

ROOT = Path(__file__).resolve().parents[2]
MODELS = sorted(path.stem for path in (ROOT / "fixtures" / "pumps").glob("*.yaml"))
PAGE = (ROOT / "docs" / "twin.md").read_text(encoding="utf-8")
RIG = """\
rig: r
instruments: {pump: {driver: scpi_insulin_pump, address: "TCPIP0::pump.twin::5025::SOCKET", visa: "@twin"}}
simulation: {pump: FILE}
"""


def shipped(name: str, folder: Path) -> PumpSettings:
    path = folder / "rig.yaml"
    path.write_text(RIG.replace("FILE", str(ROOT / "fixtures" / "pumps" / f"{name}.yaml")), encoding="utf-8")
    rig = load_rig(path)
    assert rig.simulation is not None
    assert load_rig(rig.text).simulation == rig.simulation
    return rig.simulation.pump


def test_every_shipped_model_has_figures_to_be_held_to() -> None:
    assert sorted(FIGURES) == MODELS
    assert len(MODELS) == 5


@pytest.mark.parametrize("name", MODELS)
def test_a_shipped_model_lands_where_its_page_says(name: str, tmp_path: Path) -> None:
    pump = shipped(name, tmp_path)
    assert pump.model
    assert any("doi 10." in source or "label" in source for source in pump.source)
    pumps = Pumps(pump)
    compared = [figure.compare(pumps) for figure in FIGURES[name]]
    for found in compared:
        row = f"| {name} | {found.figure.design} | {found.figure.source} |"
        line = next((line for line in PAGE.splitlines() if line.startswith(row)), "")
        assert line.endswith(f"| {found.text} | {'yes' if found.inside else '**no**'} |"), (row, line, found.text)
    # What it does not match is the exception, and said.
    assert sum(found.inside for found in compared) >= 0.75 * len(compared)


def test_designs_give_what_a_perfect_pump_delivers() -> None:
    pumps = Pumps(quiet(pump={"occlusion_medium": "99 kPa"}).pump)
    assert pumps.basal(2, 1.0, (1.0, 6.0)) == pytest.approx(np.array([[1.0, 6.0]] * 2))
    assert pumps.doses(1, 0.5, 5.0) == pytest.approx(0.05, rel=2e-3)
    assert pumps.boluses(1, 1.0, 4) == pytest.approx(1.0, rel=1e-3)
    # 30 pulses make 100 kPa in a line of 0.15 µL/kPa; the one that comes as the line is shut is one of them.
    assert pumps.alarm_s(1, 1.0) == pytest.approx(29 * 180.0 + 1.0, abs=1e-6)
    assert pumps.alarm_s(1, bolus_u=2.0) == pytest.approx(30 * 2.0 + 1.0, abs=1e-6)
    assert HOUR_S == 3600.0


def test_a_pump_without_an_alarm_in_time_has_none() -> None:
    deaf = quiet(pump={"occlusion_medium": "30000 kPa", "stall_pressure": "40000 kPa", "reservoir": "1000 U"}).pump
    assert np.isinf(Pumps(deaf).alarm_s(1, 1.0)).all()
