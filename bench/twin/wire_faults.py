"""Faults on the wire between an emulated instrument and its host."""

from __future__ import annotations

from bench.twin.faults import FaultSet
from bench.twin.faults.of_instruments import GarbledLine, SilentInstrument, Unplugged
from bench.twin.port import Port, Send


def with_faults(send: Send, device: str, faults: FaultSet) -> Send:
    """Return what sends a device's bytes with the wire faults that are switched on for it."""
    silent = faults.get(SilentInstrument)
    if silent is not None and silent.instrument == device:
        send = _silent_from(send, silent.first.to("s"))
    garbled = faults.get(GarbledLine)
    if garbled is not None and garbled.instrument == device:
        send = _garble_every(send, garbled.every, garbled.first.to("s"))
    return send


def plug_faults(port: Port, faults: FaultSet) -> None:
    """Let a device's cable be pulled and put back, where that is switched on for it."""
    unplugged = faults.get(Unplugged)
    if unplugged is not None and unplugged.instrument == port.device:
        first_s = unplugged.first.to("s")
        port.unplug_at(first_s, first_s + unplugged.lasting.to("s"))


def _silent_from(send: Send, first_s: float) -> Send:
    def silent(data: bytes, due_s: float) -> None:
        if due_s < first_s:
            send(data, due_s)

    return silent


def _garble_every(send: Send, every: int, first_s: float) -> Send:
    count = 0

    def garbled(data: bytes, due_s: float) -> None:
        nonlocal count
        if due_s >= first_s:
            count += 1
            if count % every == 0:
                data = data.translate(_GARBAGE)
        send(data, due_s)

    return garbled


# Every byte becomes another one that is printable; line ends stay, so that a line arrives, and means nothing.
_GARBAGE = bytes(byte if byte in b"\r\n" else 0x21 + (byte * 59 + 23) % 0x5E for byte in range(256))
