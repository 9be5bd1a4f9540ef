"""A rig opens whole or not at all, says what is wrong with each instrument, and is left safe however it is left."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.rig.open import OpenRig, RigOpenError, open_rig
from bench.rig.safe import UnsafeError
from drivers.errors import InstrumentError
from tests.rig.conftest import Bench

Make = Callable[..., Bench]


def opened(bench: Bench) -> OpenRig:
    """Open the rig and leave it again at once."""
    with open_rig(bench.rig, bench.clock, "P", None, bench.record) as rig:
        return rig


def used(bench: Bench, use: Callable[[OpenRig], None]) -> None:
    """Open the rig, let the pump deliver into a shut line, do `use` and leave."""
    with open_rig(bench.rig, bench.clock, "P", None, bench.record) as rig:
        bench.deliver()
        use(rig)


def refusal(bench: Bench) -> str:
    with pytest.raises(RigOpenError) as caught:
        opened(bench)
    return str(caught.value)


def test_every_instrument_is_opened_and_identified(bench: Make) -> None:
    made = bench()
    with open_rig(made.rig, made.clock, "P", None, made.record) as rig:
        assert set(rig.identities) == {"pump", "balance", "occluder", "climate"}
        assert rig.identities["pump"]["serial_number"] == "SIM-PUMP-1"
        assert rig.identities["balance"]["driver"] == "mettler_mt_sics"
        assert rig.identities["balance"]["address"] == "sim://twin/balance"
        assert rig.pressure is None
        assert rig.balance is not None
        assert rig.balance.read().value == rig.balance.read().value  # a number, not NaN


def test_a_rig_is_left_with_its_pump_stopped_and_its_line_open(bench: Make) -> None:
    made = bench()
    made.deliver()
    opened(made)
    assert not made.delivers
    assert not made.shut
    assert made.events == [
        ("safe state", {"reason": "rig closed", "safe": True, "pump": "stopped", "occluder": "open"})
    ]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_rig_is_left_safe_whatever_ends_it(bench: Make, error: type[BaseException]) -> None:
    made = bench()

    def end(rig: OpenRig) -> None:
        raise error

    with pytest.raises(error):
        used(made, end)
    assert not made.delivers
    assert not made.shut


def test_the_right_serial_number_is_accepted(bench: Make) -> None:
    opened(bench(pump=", serial_number: SIM-PUMP-1"))


def test_another_serial_number_is_refused_and_the_stranger_is_told_nothing(bench: Make) -> None:
    made = bench(pump=", serial_number: P-77")
    made.deliver()
    text = refusal(made)
    assert "1 of 4 instruments failed" in text
    assert "wrong instrument: the rig file wants serial number 'P-77'" in text
    assert "says 'SIM-PUMP-1'" in text
    assert made.delivers  # it may be another bench's pump in the middle of its test
    assert not made.shut


def test_an_instrument_that_does_not_answer_is_shown_among_those_that_do(bench: Make) -> None:
    text = refusal(bench(faults="{fault: silent_instrument, instrument: balance}"))
    lines = text.splitlines()
    assert lines[0] == "rig twin-of-tests (twin-of-tests.yaml) cannot be opened: 1 of 4 instruments failed"
    by_role = {line.split()[1]: line for line in lines if line[:2] in {"├─", "└─"}}
    assert " ok " in by_role["pump"]
    assert "SIM-PUMP-1" in by_role["pump"]
    assert " FAILED " in by_role["balance"]
    assert "sim://twin/balance" in by_role["balance"]
    assert "saw nothing" in by_role["balance"]
    assert " ok " in by_role["occluder"]
    assert " ok " in by_role["climate"]


def test_garbage_is_shown_as_the_bytes_that_came(bench: Make) -> None:
    text = refusal(bench(faults="{fault: garbled_line, instrument: balance}"))
    assert "balance   FAILED" in text
    assert "answered no MT-SICS to a reset; sent b'@\\r\\n'; saw b" in text


def test_an_instrument_that_is_not_there_is_shown(bench: Make) -> None:
    made = bench()
    made.twin.ports["climate"].close()
    made.twin.__exit__(None, None, None)
    text = refusal(made)
    assert "4 of 4 instruments failed" in text


def test_an_instrument_that_will_not_become_safe_is_said_loudly_and_the_others_are_tried(
    bench: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = bench()

    def stuck() -> None:
        raise InstrumentError("pump", "no reply within 2 s")

    with pytest.raises(UnsafeError, match=r"THE BENCH MAY NOT BE SAFE; pump is not stopped: .*no reply within 2 s"):
        used(made, lambda rig: monkeypatch.setattr(rig.pump, "stop", stuck))
    assert made.delivers
    assert not made.shut
    [(kind, data)] = made.events
    assert (kind, data["safe"], data["occluder"]) == ("safe state", False, "open")
    assert "no reply" in data["pump"]


def test_one_failed_attempt_to_stop_the_pump_is_not_the_last(bench: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    made = bench()
    failures = [InstrumentError("pump", "garbled")]

    def spoil_the_first(rig: OpenRig) -> None:
        stop = rig.pump.stop

        def spoilt() -> None:
            if failures:
                raise failures.pop()
            stop()

        monkeypatch.setattr(rig.pump, "stop", spoilt)

    used(made, spoil_the_first)
    assert not made.delivers
    assert made.events[-1][1]["pump"] == "stopped"


def test_ctrl_c_while_the_rig_is_made_safe_is_obeyed_afterwards(bench: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    made = bench()
    presses = [KeyboardInterrupt()]

    def be_impatient(rig: OpenRig) -> None:
        stop = rig.pump.stop

        def impatient() -> None:
            if presses:
                raise presses.pop()
            stop()

        monkeypatch.setattr(rig.pump, "stop", impatient)

    with pytest.raises(KeyboardInterrupt):
        used(made, be_impatient)
    assert not made.delivers
    assert not made.shut
