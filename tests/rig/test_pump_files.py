"""Pump models in rig files: read from beside the rig, put into its text, refused with both places."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.quantities import Quantity
from bench.rig.errors import RigFileError
from bench.rig.load import load_rig
from bench.rig.model import Rig

MODEL = """\
# A pump of these tests
model: pump "of" tests, 20 %
source: ["A study, doi 10.0/µ"]
not_modelled:
  - everything else
pulse_sd: 20 %
rule: volume
"""
RIG = """\
rig: r
simulation:
  pump: PUMP # µ, and a comment
  seed: 5
instruments:
  pump: {driver: scpi_insulin_pump, address: "TCPIP0::pump.twin::5025::SOCKET", visa: "@twin"}
"""


def rig_of(folder: Path, pump: str, model: str = MODEL) -> Rig:
    (folder / "pumps").mkdir(exist_ok=True)
    (folder / "pumps" / "p.yaml").write_text(model, encoding="utf-8")
    path = folder / "rig.yaml"
    path.write_text(RIG.replace("PUMP", pump), encoding="utf-8")
    return load_rig(path, name="lab/rig.yaml")


def refusal(folder: Path, pump: str, model: str = MODEL) -> str:
    with pytest.raises(RigFileError) as caught:
        rig_of(folder, pump, model)
    return str(caught.value)


@pytest.mark.parametrize(
    "pump", ["pumps/p.yaml", '"pumps/p.yaml"', "{model: pumps/p.yaml}", "\n    model: pumps/p.yaml"]
)
def test_a_pump_model_stands_in_the_rig_s_text_in_place_of_its_file(tmp_path: Path, pump: str) -> None:
    rig = rig_of(tmp_path, pump)
    assert rig.simulation is not None
    made = rig.simulation.pump
    assert (made.model, made.rule, made.pulse_sd) == ('pump "of" tests, 20 %', "volume", Quantity(20, "%"))
    assert (made.source, made.not_modelled) == (["A study, doi 10.0/µ"], ["everything else"])
    assert made.changed == ()
    assert "p.yaml" not in rig.text
    assert [line.split(":")[0] for line in rig.text.splitlines()] == [
        line.split(":")[0] for line in RIG.replace("PUMP", pump).splitlines()
    ]
    assert "# µ, and a comment" in rig.text
    (tmp_path / "pumps" / "p.yaml").unlink()
    assert load_rig(rig.text).simulation == rig.simulation


def test_settings_beside_the_model_hold_over_it_and_are_told(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, "{pulse_sd: 1 %, model: pumps/p.yaml, stiction: 2 %}")
    for each in (rig, load_rig(rig.text)):
        assert each.simulation is not None
        made = each.simulation.pump
        assert (made.rule, made.pulse_sd, made.stiction) == ("volume", Quantity(1, "%"), Quantity(2, "%"))
        assert made.changed == ("pulse_sd", "stiction")


def test_a_pump_of_the_rig_s_own_has_no_model(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, "{pulse_sd: 1 %}")
    assert rig.simulation is not None
    assert (rig.simulation.pump.model, rig.simulation.pump.changed) == ("", ())
    assert rig.text == RIG.replace("PUMP", "{pulse_sd: 1 %}")


@pytest.mark.parametrize(
    ("changed", "by", "said"),
    [
        (
            "pulse_sd: 20 %",
            "pulse_sdd: 20 %",
            "lab/pumps/p.yaml:6:1: unknown key 'pulse_sdd'; did you mean 'pulse_sd'?",
        ),
        ("pulse_sd: 20 %", "pulse_sd: 20", "lab/pumps/p.yaml:6:11: pulse_sd: "),
        ("not_modelled:\n  - everything else\n", "", "lab/pumps/p.yaml:2:1: key 'not_modelled' is missing"),
        ('source: ["A study, doi 10.0/µ"]', "source: []", "lab/pumps/p.yaml:3:9: source: found nothing"),
        ('pump "of" tests, 20 %', "p.yaml", "lab/pumps/p.yaml:2:8: model: 'p.yaml' is a file"),
        ("rule: volume", "rule: [", "lab/pumps/p.yaml:8:1: "),
    ],
)
def test_a_wrong_model_is_refused_with_its_line_and_the_rig_s(tmp_path: Path, changed: str, by: str, said: str) -> None:
    assert changed in MODEL
    text = refusal(tmp_path, "pumps/p.yaml", MODEL.replace(changed, by))
    assert text.startswith("lab/rig.yaml:3:9: simulation.pump: the pump model lab/pumps/p.yaml cannot be used")
    assert said in text


def test_a_missing_model_is_refused_with_those_that_are_there(tmp_path: Path) -> None:
    text = refusal(tmp_path, "{model: pumps/q.yaml}")
    assert "lab/rig.yaml:3:17: simulation.pump.model: the pump model lab/pumps/q.yaml cannot be used" in text
    assert "in that folder: p.yaml" in text
    assert "lab/pumps/q.yaml:1:1: cannot be read: No such file" in text


@pytest.mark.parametrize(
    ("pump", "said"),
    [
        ("pumps/p", "found 'pumps/p'; a mapping of keys is meant here, or the file of a pump model"),
        ("{model: patch}", "a pump model ('patch') tells `source` and `not_modelled`"),
        ("{model: pumps/p.yaml, pulse_sdd: 1 %}", "unknown key 'pulse_sdd'; did you mean 'pulse_sd'?"),
        ("pumps/\n    p.yaml", "the file's name goes over several lines; write it in one"),
    ],
)
def test_what_names_no_model_is_refused_at_the_rig_s_line(tmp_path: Path, pump: str, said: str) -> None:
    text = refusal(tmp_path, pump)
    assert text.startswith("lab/rig.yaml:3:")
    assert said in text


def test_a_rig_from_text_has_no_folder_to_look_in() -> None:
    with pytest.raises(RigFileError, match=r"names a file, 'pumps/p.yaml', and a rig from text lies in no folder"):
        load_rig(RIG.replace("PUMP", "pumps/p.yaml"))
