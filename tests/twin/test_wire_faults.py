"""Faults that act on the wire, not in the physics."""

from bench.quantities import Quantity
from bench.twin.faults import FaultSet
from bench.twin.faults.of_instruments import GarbledLine, SilentInstrument
from bench.twin.wire_faults import with_faults

SILENT = FaultSet([SilentInstrument(fault="silent_instrument", instrument="balance", first=Quantity(10, "s"))])
GARBLED = FaultSet([GarbledLine(fault="garbled_line", instrument="balance", every=2, first=Quantity(10, "s"))])


def sent(device: str, faults: FaultSet) -> list[bytes]:
    got: list[bytes] = []
    send = with_faults(lambda data, _: got.append(data), device, faults)
    for due_s in (9.0, 10.0, 11.0, 12.0):
        send(b"S S    1.00000 g\r\n", due_s)
    return got


def test_without_a_fault_every_byte_passes() -> None:
    assert sent("balance", FaultSet([])) == [b"S S    1.00000 g\r\n"] * 4
    assert sent("pump", SILENT) == sent("pump", GARBLED) == [b"S S    1.00000 g\r\n"] * 4


def test_a_silent_instrument_says_nothing_from_then_on() -> None:
    assert sent("balance", SILENT) == [b"S S    1.00000 g\r\n"]


def test_every_second_line_is_garbled_and_still_a_line() -> None:
    first, second, third, fourth = sent("balance", GARBLED)
    assert first == second == fourth == b"S S    1.00000 g\r\n"
    assert third != first
    assert third.endswith(b"\r\n")
    assert len(third) == len(first)
    assert b"1.00000" not in third
