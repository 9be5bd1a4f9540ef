"""A host reaches an emulated instrument through pyvisa, in simulated time."""

import datetime as dt
import math
from collections.abc import Iterator

import pytest
import pyvisa
from pyvisa import constants
from pyvisa.resources import TCPIPSocket

from bench.clock import SimulatedClock
from bench.twin import port as ports
from bench.twin.emulators.dmm import Dmm
from bench.twin.hub import Hub

RESOURCE = "TCPIP0::meter.bench::5025::SOCKET"
IDENTITY = "pumpbench twin,34461A simulated,TWIN0001,A.01.00-twin"


class Still:
    """A world in which nothing happens, and a battery."""

    def next_event_s(self) -> float:
        return math.inf

    def run_until(self, time_s: float) -> None:
        pass

    def volts(self, time_s: float) -> float:  # noqa: ARG002
        return 1.5


@pytest.fixture
def clock() -> Iterator[SimulatedClock]:
    clock = SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    world = Still()
    hub = Hub(world, clock)
    hub.add("meter", lambda send: Dmm(send, world))
    clock.attach(hub)
    ports.register("bench", hub.ports)
    yield clock
    ports.unregister("bench")


@pytest.fixture
def manager(clock: SimulatedClock) -> Iterator[pyvisa.ResourceManager]:
    manager = pyvisa.ResourceManager("@twin")
    yield manager
    manager.close()


def opened(manager: pyvisa.ResourceManager, read_termination: str = "\n", timeout: float = 2000) -> TCPIPSocket:
    resource = manager.open_resource(
        RESOURCE, read_termination=read_termination, write_termination="\n", timeout=timeout
    )
    assert isinstance(resource, TCPIPSocket)
    return resource


def test_a_query_is_answered_in_simulated_time(manager: pyvisa.ResourceManager, clock: SimulatedClock) -> None:
    with opened(manager) as meter:
        assert meter.query("*IDN?") == IDENTITY
        assert clock.now_s() == pytest.approx(0.002)
        assert float(meter.query("READ?")) == 1.5
        assert clock.now_s() == pytest.approx(0.004 + 10 / 50 + 0.003)


def test_what_gets_no_answer_times_out_and_the_next_query_is_answered(
    manager: pyvisa.ResourceManager, clock: SimulatedClock
) -> None:
    with opened(manager, timeout=700) as meter:
        with pytest.raises(pyvisa.VisaIOError, match="VI_ERROR_TMO"):
            meter.query("WHAT?")
        assert clock.now_s() == pytest.approx(0.7)
        assert meter.query("SYST:ERR?") == '-113,"Undefined header"'


def test_without_termination_a_read_times_out_as_on_a_real_socket(manager: pyvisa.ResourceManager) -> None:
    with opened(manager, read_termination="") as meter:
        meter.write("*OPC?")
        with pytest.raises(pyvisa.VisaIOError, match="VI_ERROR_TMO"):
            meter.read()
        assert meter.read_bytes(2) == b"1\n"


def test_several_answers_are_read_one_by_one_and_clear_discards_the_rest(manager: pyvisa.ResourceManager) -> None:
    with opened(manager, timeout=100) as meter:
        meter.write("*OPC?\nSYST:VERS?\n*OPC?")
        assert meter.read() == "1"
        assert meter.read() == "1994.0"
        meter.clear()
        with pytest.raises(pyvisa.VisaIOError):
            meter.read()
        meter.chunk_size = 3
        assert meter.query("SYST:VERS?") == "1994.0"


def test_attributes_and_listing(manager: pyvisa.ResourceManager) -> None:
    assert manager.list_resources("?*") == (RESOURCE,)
    assert manager.list_resources() == ()
    with opened(manager) as meter:
        assert meter.timeout == 2000
        assert meter.resource_name == RESOURCE
        assert meter.interface_type == constants.InterfaceType.tcpip
        assert meter.get_visa_attribute(constants.ResourceAttribute.tcpip_port) == 5025
        with pytest.raises(pyvisa.VisaIOError, match="VI_ERROR_ATTR_READONLY"):
            meter.set_visa_attribute(constants.ResourceAttribute.tcpip_port, 1)
        with pytest.raises(pyvisa.VisaIOError, match="VI_ERROR_NSUP_ATTR"):
            meter.get_visa_attribute(constants.ResourceAttribute(constants.VI_ATTR_ASRL_BAUD))
        meter.timeout = float("inf")
        assert meter.query("*OPC?") == "1"


def test_what_cannot_be_opened(manager: pyvisa.ResourceManager) -> None:
    for name in ("TCPIP0::pump.bench::5025::SOCKET", "TCPIP0::meter.attic::5025::SOCKET", "GPIB0::1::INSTR"):
        with pytest.raises(pyvisa.VisaIOError, match="VI_ERROR_RSRC_NFOUND"):
            manager.open_resource(name)
    with opened(manager), pytest.raises(pyvisa.VisaIOError, match="VI_ERROR_RSRC_BUSY"):
        manager.open_resource(RESOURCE)


def test_it_can_be_opened_again_and_closing_the_manager_closes_everything(manager: pyvisa.ResourceManager) -> None:
    first = opened(manager)
    first.close()
    second = opened(manager)
    manager.close()
    with pytest.raises(pyvisa.InvalidSession):
        second.query("*OPC?")
    manager = pyvisa.ResourceManager("@twin")
    with opened(manager) as meter:
        assert meter.query("*OPC?") == "1"


def test_a_pulled_cable_is_a_lost_connection_until_it_is_opened_again(
    manager: pyvisa.ResourceManager,
) -> None:
    meter = opened(manager)
    port = ports.find_port("bench", "meter")
    port.plug(False)
    for use in (lambda: meter.write("*IDN?"), lambda: meter.read()):
        with pytest.raises(pyvisa.VisaIOError) as caught:
            use()
        assert caught.value.error_code == constants.StatusCode.error_connection_lost
    meter.close()
    with pytest.raises(pyvisa.VisaIOError) as caught:
        opened(manager)
    assert caught.value.error_code == constants.StatusCode.error_resource_not_found
    port.plug(True)
    with opened(manager) as again:
        assert again.query("*IDN?") == IDENTITY
