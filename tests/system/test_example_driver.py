"""A driver in a package of its own: built, installed beside the bench without a network, checked, and used."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.system.conftest import ROOT

EXAMPLE = ROOT / "tests" / "example_driver"
FASTER = ("--deliver", "--rate-ul-per-h", "300", "--patience", "30")


def copied(source: Path, folder: Path) -> Path:
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def install(source: Path, folder: Path) -> Path:
    """Build a package's wheel and unpack it, as an installer does; return where it is."""
    built = folder / "dist"
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", built],
        cwd=source,
        check=True,
        capture_output=True,
    )
    [wheel] = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def environment(site: Path) -> dict[str, str]:
    paths = [str(site), str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def pumpbench(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; from bench.cli import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=site,
        env=environment(site),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@contextmanager
def simulated_pump(site: Path) -> Iterator[str]:
    """Start the example's own simulator, and yield its address."""
    command = [sys.executable, "-m", "acme_pump.simulator"]
    with subprocess.Popen(command, cwd=site, env=environment(site), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1]
        finally:
            process.kill()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("example")
    return install(copied(EXAMPLE, folder / "source"), folder)


def test_it_conforms_in_every_way_and_tells_no_byte(site: Path) -> None:
    with simulated_pump(site) as address:
        found = pumpbench(site, "conform", "acme_pump", address, *FASTER)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "driver acme_pump (pump)" in found.stdout
    assert "capabilities: DeliversBasal, DeliversBolus, ReportsDelivery\n" in found.stdout
    assert "confidential: no byte is logged or shown" in found.stdout
    assert "FAILED" not in found.stdout
    for check in ("basal counted", "bolus", "stands still", "safe end", "silence", "garbage"):
        assert f"  ok        {check} " in found.stdout, check
    for byte_text in ("b'", "BOLUS?", "STAT"):
        assert byte_text not in found.stdout + found.stderr


def test_one_that_does_not_do_what_it_says_is_found_out(tmp_path: Path) -> None:
    source = copied(EXAMPLE, tmp_path / "source")
    driver = source / "acme_pump" / "driver.py"
    text = driver.read_text(encoding="utf-8")
    driver.write_text(text.replace('self._ask("STOP")', 'self._ask("STAT")'), encoding="utf-8")
    site = install(source, tmp_path)
    with simulated_pump(site) as address:
        found = pumpbench(site, "conform", "acme_pump", address, *FASTER)
    assert found.returncode == 1
    assert "after stop() it says that it is 'basal'" in found.stdout
    assert "THE BENCH MAY NOT BE SAFE" in found.stdout


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        ("api_version=1", "api_version=2", "it is for driver API 2, and this bench has 1"),
        ("    api_version=1,\n", "", "it does not say which driver API it is for"),
        ("from drivers.roles import", "from drivers.rolls import", "No module named 'drivers.rolls'"),
    ],
)
def test_one_that_cannot_be_used_says_why_and_keeps_nobody_from_the_others(
    site: Path, tmp_path: Path, was: str, becomes: str, says: str
) -> None:
    other = copied(site, tmp_path / "site")
    driver = other / "acme_pump" / "driver.py"
    text = driver.read_text(encoding="utf-8")
    assert was in text
    driver.write_text(text.replace(was, becomes), encoding="utf-8")
    found = pumpbench(other, "conform", "acme_pump", "sim")
    assert found.returncode == 2
    assert "driver 'acme_pump' is installed and cannot be used: " in found.stderr
    assert says in found.stderr
    assert "Traceback" not in found.stderr
    assert pumpbench(other, "schema", "rig").returncode == 0
