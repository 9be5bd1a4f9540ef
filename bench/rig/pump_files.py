"""Files of pump models that a rig file names: read, checked, and put in place of their names.

What is recorded and hashed is then whole: a verdict can be made again without any file beside the recording.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.strict_yaml import Document, Problem, YamlError, load, validate
from bench.strict_yaml.document import Path_
from bench.twin.settings import MODEL_ENDINGS, PumpModelFile

_PUMP = ("simulation", "pump")


def with_pump_model(document: Document, folder: Path | None) -> str:
    """Return a rig file's text with the content of the pump model that it names in the name's place.

    Args:
        document: the rig file.
        folder: where it lies, from which the name counts; None for a rig from text.

    Raises:
        YamlError: the model's file cannot be used: the rig's line first, then every problem in that file.

    """
    path = _reference(document.data)
    if path is None:
        return document.text
    name = str(_at(document.data, path))
    if not name.endswith(MODEL_ENDINGS):
        text = f"found {name!r}; a mapping of keys is meant here, or the file of a pump model: pumps/{name}.yaml"
        raise YamlError([document.problem(path, text)])
    if folder is None:
        text = f"names a file, {name!r}, and a rig from text lies in no folder to look in; write its content here"
        raise YamlError([document.problem(path, text)])
    if document.marks[path][1][0] != document.ends[path][0]:
        raise YamlError([document.problem(path, "the file's name goes over several lines; write it in one")])
    shown = str(Path(document.file).parent / name)
    try:
        model = load(folder / name, name=shown)
        validate(model, PumpModelFile)
        return document.with_value(path, json.dumps(model.data, ensure_ascii=False))
    except YamlError as error:
        raise YamlError([_useless(document, path, folder / name, shown), *error.problems]) from None


def _reference(data: Any) -> Path_ | None:
    simulation = data.get("simulation") if isinstance(data, dict) else None
    pump = simulation.get("pump") if isinstance(simulation, dict) else None
    if isinstance(pump, str):
        return _PUMP
    model = pump.get("model") if isinstance(pump, dict) else None
    return (*_PUMP, "model") if isinstance(model, str) and model.endswith(MODEL_ENDINGS) else None


def _at(data: Any, path: Path_) -> Any:
    for part in path:
        data = data[part]
    return data


def _useless(document: Document, path: Path_, file: Path, shown: str) -> Problem:
    beside = sorted(each.name for each in file.parent.glob("*.yaml")) if not file.exists() else []
    there = f" (in that folder: {', '.join(beside)})" if beside else ""
    return document.problem(path, f"the pump model {shown} cannot be used{there}; what is wrong with it:")
