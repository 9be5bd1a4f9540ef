"""The twin's page names every fault that there is."""

from pathlib import Path

from bench.twin.faults import REGISTRY


def test_every_fault_is_documented_as_the_code_has_it() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "twin.md").read_text(encoding="utf-8")
    for name, model in REGISTRY.items():
        row = next((line for line in page.splitlines() if line.startswith(f"| `{name}` |")), "")
        assert " ".join((model.__doc__ or "").split()).replace("`", "") in row, name
        assert all(f"`{key}`" in row for key in model.model_fields if key != "fault"), name
