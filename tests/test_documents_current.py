"""Committed documents that are made from code are what the code makes now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("document", "arguments"),
    [
        ("docs/plan.schema.json", ["schema", "plan"]),
        ("docs/rig.schema.json", ["schema", "rig"]),
        ("docs/results.schema.json", ["schema", "results"]),
        ("docs/procedures.md", ["catalogue"]),
    ],
)
def test_a_document_is_current(document: str, arguments: list[str]) -> None:
    made = subprocess.run(
        [sys.executable, "-c", "import sys; from bench.cli import main; sys.exit(main())", *arguments],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    committed = (ROOT / document).read_text(encoding="utf-8") if (ROOT / document).exists() else ""
    assert committed == made, f"./run pumpbench {' '.join(arguments)} > {document}"
