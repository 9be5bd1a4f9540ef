"""Every reference is kept by the installed code, and one that is not is told from one that is."""

from __future__ import annotations

import pytest

from bench.metrology.density import air_density_kg_per_m3
from bench.validation import references
from bench.validation.references import Checked, check_references


def test_the_installed_code_keeps_every_reference() -> None:
    checked = check_references()
    assert {each.subject for each in checked} == {"density", "volume", "uncertainty", "statistics", "trumpet"}
    assert len(checked) > 45
    assert [f"{each.what}: {each.found}" for each in checked if not each.kept] == []
    assert all(each.source and each.what for each in checked)


def test_a_formula_with_a_wrong_constant_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    # 237.15 for 273.15, as in a public calculator, makes air 14 % denser.
    monkeypatch.setattr(
        references,
        "air_density_kg_per_m3",
        lambda t, p, h: air_density_kg_per_m3(t, p, h) * (t + 273.15) / (t + 237.15),
    )
    assert len([each for each in check_references() if not each.kept]) == 5


@pytest.mark.parametrize(("found", "kept"), [(1.0, True), (1.1, True), (0.89, False), (float("nan"), False)])
def test_a_result_is_kept_within_its_tolerance(found: float, kept: bool) -> None:
    assert Checked("density", "water", "a table", 1.0, 0.1000001, "", found).kept is kept
