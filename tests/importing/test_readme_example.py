"""The README's command for recordings of other software does what the README shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from bench.cli import main
from tests.system.conftest import ROOT


def test_the_command_of_the_readme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## Recordings from other software")[2]
    shown = section.partition("```console\n")[2].partition("```")[0]
    command, _, output = shown.replace("\\\n", " ").partition("\n")
    words = shlex.split(command.removeprefix("$ ./run pumpbench "))
    words[words.index("--html") + 1] = str(tmp_path / "page.html")
    assert main(words) == 0
    said = capsys.readouterr().out
    for line in output.splitlines()[:3]:
        assert line.split("(")[0] in said
    value = re.search(r"mean_error: (.*?) ± (.*?) %", output)
    found = re.search(r"mean_error: (.*?) ± (.*?) %", said)
    assert value is not None
    assert found is not None
    assert found[0] == value[0]
    assert "SIMULATED" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_every_option_is_in_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["analyse", "--help"])
    options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help", "--monte-carlo"}
    document = (ROOT / "docs" / "import.md").read_text(encoding="utf-8")
    missing = {option for option in options if option not in document}
    assert missing <= {"--test"}
