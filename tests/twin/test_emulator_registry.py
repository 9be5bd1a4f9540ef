"""Which emulator plays an instrument: by default, by name, with options, and what is said of a wrong one."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from bench.twin.emulators.registry import DEFAULTS, all_emulators, cast
from bench.twin.settings import Simulation


def test_every_instrument_has_the_emulator_that_plays_it_by_default() -> None:
    simulation = Simulation.model_validate({"emulators": {"balance": {"emulator": "mt_sics"}}})
    assert set(simulation.emulators) == set(DEFAULTS)
    for role, name in DEFAULTS.items():
        assert cast(role, simulation.emulators[role]).entry is all_emulators()[name]
        assert all_emulators()[name].role == role


@pytest.mark.parametrize(
    ("emulators", "told"),
    [
        ({"balance": "mt_sic"}, "did you mean 'mt_sics'"),
        ({"balance": "dmm"}, "no emulator 'dmm' plays the balance"),
        ({"scale": "mt_sics"}, "the twin has no instrument 'scale'"),
        ({"balance": {"emulator": "mt_sics", "colour": "red"}}, "Extra inputs"),
        ({"balance": 3}, "an emulator's name is meant"),
    ],
)
def test_a_wrong_choice_is_refused_with_what_there_is(emulators: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Simulation.model_validate({"emulators": emulators})
