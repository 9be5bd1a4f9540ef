"""The registry, and what every driver in it must be."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterator

import pytest

from drivers import registry, roles
from drivers.registry import DriverEntry, UnknownDriverError, all_drivers, driver, drivers_of

DRIVERS = list(all_drivers().values())
ROLE_PROTOCOLS = {
    "pump": roles.Pump,
    "balance": roles.Balance,
    "pressure": roles.PressureSensor,
    "occluder": roles.Occluder,
    "climate": roles.ClimateSensor,
    "operator": roles.Operator,
    "power": roles.PowerSupply,
    "alarm": roles.AlarmInput,
}
FORM = ("Read ", "Set ", "Ask ", "Start ", "Stop ")
LIFE = {"close"}


def public_methods(kind: type) -> dict[str, types.FunctionType]:
    return {
        name: member
        for each in kind.__mro__
        for name, member in vars(each).items()
        if isinstance(member, types.FunctionType) and not name.startswith("_")
    }


def test_drivers_in_tree() -> None:
    assert {name: entry.role for name, entry in all_drivers().items()} == {
        "alaris_asena": "pump",
        "and_standard": "balance",
        "console": "operator",
        "fixed_climate": "climate",
        "harvard_ultra": "pump",
        "keller_bus": "pressure",
        "line_terminal": "operator",
        "mettler_mt_sics": "balance",
        "new_era": "pump",
        "numato_gpio": "alarm",
        "numato_relay": "occluder",
        "ohaus": "balance",
        "operator_pump": "pump",
        "omega_px409": "pressure",
        "radwag": "balance",
        "sartorius_sbi": "balance",
        "scpi_dmm": "pressure",
        "scpi_insulin_pump": "pump",
        "scpi_supply": "power",
        "scpi_switch": "occluder",
        "vaisala_ptu300": "climate",
    }
    assert list(drivers_of("climate")) == ["fixed_climate", "vaisala_ptu300"]


@pytest.mark.parametrize("entry", DRIVERS, ids=lambda entry: entry.name)
def test_every_driver_reads_like_its_manual(entry: DriverEntry) -> None:
    wrong = [
        name
        for name, method in public_methods(entry.instrument).items()
        if name not in LIFE and not (method.__doc__ or "").startswith(FORM)
    ]
    assert wrong == [], f"docstrings begin with one of {FORM}"
    assert entry.instrument.__doc__
    assert entry.summary
    assert "\n" not in entry.summary


@pytest.mark.parametrize("entry", DRIVERS, ids=lambda entry: entry.name)
def test_every_driver_satisfies_its_role(entry: DriverEntry) -> None:
    role = ROLE_PROTOCOLS[entry.role]
    for name in (name for name in dir(role) if not name.startswith("_")):
        wanted = getattr(role, name)
        if not isinstance(wanted, types.FunctionType):
            continue
        given = getattr(entry.instrument, name, None)
        assert given is not None, f"{entry.name} has no {name}()"
        assert list(inspect.signature(given).parameters) == list(inspect.signature(wanted).parameters)


@pytest.mark.parametrize("entry", DRIVERS, ids=lambda entry: entry.name)
def test_every_driver_s_options_have_a_strict_schema(entry: DriverEntry) -> None:
    schema = entry.Options.model_json_schema()
    assert schema["additionalProperties"] is False
    assert schema["type"] == "object"


@pytest.mark.parametrize("entry", DRIVERS, ids=lambda entry: entry.name)
def test_every_factory_takes_what_a_rig_gives(entry: DriverEntry) -> None:
    assert list(inspect.signature(entry.factory).parameters) == [
        "address",
        "options",
        "clock",
        "wire_log",
        "visa_library",
        *(["beside"] if entry.needs else []),
    ]


def test_capabilities_can_be_asked_without_an_instrument() -> None:
    pump = driver("scpi_insulin_pump").instrument
    assert issubclass(pump, roles.DeliversBasal)
    assert issubclass(pump, roles.RaisesAlarms)
    assert not issubclass(driver("scpi_dmm").instrument, roles.DeliversBasal)


def test_a_misspelt_driver_is_suggested() -> None:
    with pytest.raises(
        UnknownDriverError, match=r"no driver is called 'metler_mt_sics'.*did you mean 'mettler_mt_sics'"
    ):
        driver("metler_mt_sics")


class Point:
    """An entry point of another distribution."""

    value = "their_package.pump"

    def __init__(self, name: str, declared: object) -> None:
        self.name = name
        self._declared = declared

    def load(self) -> types.SimpleNamespace:
        if isinstance(self._declared, Exception):
            raise self._declared
        return types.SimpleNamespace(DRIVER=self._declared)


def theirs(name: str = "their_pump", role: str = "pump", api_version: int | None = registry.DRIVER_API) -> DriverEntry:
    own = driver("scpi_dmm")
    return DriverEntry(
        name, role, own.instrument, own.factory, own.Options, "a pump under NDA", api_version=api_version
    )


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Point], None]]:
    def install(point: Point) -> None:
        monkeypatch.setattr(registry, "entry_points", lambda group: [point] if group == "pumpbench.drivers" else [])
        registry.forget()

    yield install
    registry.forget()


def test_a_driver_from_another_distribution_is_found(installed: Callable[[Point], None]) -> None:
    other = theirs()
    installed(Point("their_pump", other))
    assert driver("their_pump") is other
    assert "scpi_insulin_pump" in drivers_of("pump")


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        (theirs(api_version=None), "does not say which driver API it is for"),
        (theirs(api_version=registry.DRIVER_API + 1), f"for driver API {registry.DRIVER_API + 1}, and this bench has"),
        (theirs(role="toaster"), "has role 'toaster'"),
        (theirs(name="scpi_dmm"), "two drivers are called 'scpi_dmm'"),
        (ImportError("no module named pumplib"), "no module named pumplib"),
        (7, "declares no DRIVER"),
    ],
)
def test_one_that_cannot_be_used_is_told_of_where_it_is_asked_for(
    installed: Callable[[Point], None], declared: object, says: str
) -> None:
    installed(Point("their_pump", declared))
    assert driver("scpi_dmm").role == "pressure"
    with pytest.raises(UnknownDriverError, match="'their_pump' is installed and cannot be used: ") as caught:
        driver("their_pump")
    assert says in str(caught.value)
    assert "their_package.pump" in str(caught.value)
