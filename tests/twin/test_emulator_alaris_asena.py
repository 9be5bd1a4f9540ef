"""The Alaris pump, byte for byte as recorded frames and two public clients have it; simulated."""

from __future__ import annotations

import math
from typing import Any

import pytest

from bench.twin.emulators.alaris_asena import AlarisAsena, Options
from bench.twin.emulators.alaris_frames import crc
from bench.twin.syringe_drive import Stream
from tests.twin.pump_bench import PumpBench

STEP_UL = 0.1


def frame(payload: str) -> bytes:
    return f"!{payload}|{crc(payload.encode()):04X}\r".encode()


class Bench(PumpBench[AlarisAsena]):
    """Beside the drive, a line with a pressure and a syringe that ends."""

    def __init__(self, **options: Any) -> None:
        self.pressure_kpa = 2.0
        self.syringe_ul = 50_000.0
        told = Options.model_validate(options)
        super().__init__(
            lambda send, drive: AlarisAsena(
                send,
                drive,
                told,
                lambda _: self.pressure_kpa,
                lambda: self.syringe_ul,
                lambda: self.starts,
                lambda: self.powered,
            ),
            STEP_UL,
        )

    def _push(self, counted_ul: float, volume_ul: float, stream: Stream) -> bool:
        if self.syringe_ul < counted_ul:
            return False
        self.syringe_ul -= counted_ul
        return super()._push(counted_ul, volume_ul, stream)

    @property
    def streams(self) -> set[str]:
        return {stream for _, _, stream in self.pushed}

    def tell(self, payload: str) -> str:
        """Send a frame; return the payload of its answer, empty for none."""
        answer = self.say(frame(payload))
        if not answer:
            return ""
        text = answer.decode()
        assert text[0] == "!"
        assert text[-6] == "|"
        assert frame(text[1:-6]) == answer
        return text[1:-6]

    def unlock(self) -> None:
        assert self.tell("REMOTE_CTRL^ENABLED^3CC1") == "REMOTE_CTRL^ENABLED^****^PERMIT^0^ms"

    def hold(self, duration_s: float) -> None:
        """Let time pass with a keep-alive every second."""
        for _ in range(int(duration_s)):
            self.unlock()
            self.run(1.0)

    def inf(self) -> list[str]:
        return self.tell("INF").split("^")[1:]


# Frames of the facts and of public clients, whose checksums were recorded from pumps or computed outside this project.
RECORDED = [
    (b"!INST_SERIALNO|457D\r", b"!INST_SERIALNO^8002-51740|050B\r"),
    (b"!COMMS_PROTOCOL|E8DA\r", b"!COMMS_PROTOCOL^Asena Rev 2.1.5|661A\r"),
    (b"!COMMS_RESPONSE_MAX|7E29\r", b"!COMMS_RESPONSE_MAX^4000^ms|DFDF\r"),
    (b"!SYRINGE_STATUS|4102\r", b"!SYRINGE_STATUS^BD PLASTIPAK^ 50^CONF|1CF8\r"),
    (b"!INF_RATE_MAX_SYRINGE|8F30\r", b"!INF_RATE_MAX_SYRINGE^1200.00^ml/h|8575\r"),
    (b"!ALARM|50B2\r", b"!ALARM^AL_NOALM^ ^ |C73B\r"),
    (b"!REMQUERY^DEACT|F295\r", b"!REMQUERY^DEACT^^^^|E5C9\r"),
    (b"!REMOTE_CTRL^DISABLED|EF95\r", b"!REMOTE_CTRL^DISABLED^****^PERMIT^0^ms|3C5D\r"),
    (b"!REMOTE_CTRL^ENABLED^3CC1|B1F1\r", b"!REMOTE_CTRL^ENABLED^****^PERMIT^0^ms|7BB0\r"),
    (b"!INF_RATE^0.1^ml/h|B775\r", b"!INF_RATE^0.10^ml/h|D407\r"),
    (b"!INF_RATE^3.50^ml/h|3885\r", b"!INF_RATE^3.50^ml/h|3885\r"),
    (b"!INF_VTBI^ACTIV^11.000^ml^STOP|4433\r", b"!INF_VTBI^ACTIV^11.000^ml^STOP|4433\r"),
    (b"!INF_BOLUS^ENABLED|E288\r", b"!INF_BOLUS^ENABLED|E288\r"),
    (b"!INF_START|38F3\r", b"!INF_START|38F3\r"),
    (b"!INF_STOP|CD57\r", b"!INF_STOP|CD57\r"),
    (b"!INF_VI_CLEAR|A706\r", b"!INF_VI_CLEAR|A706\r"),
]


def test_recorded_frames() -> None:
    bench = Bench()
    for sent, answer in RECORDED:
        assert bench.say(sent) == answer


def test_the_other_recorded_pump() -> None:
    bench = Bench(serial_number="8002-51733")
    assert bench.say(b"!INST_SERIALNO|457D\r") == b"!INST_SERIALNO^8002-51733|ACFF\r"
    assert bench.say(b"!REMOTE_CTRL^ENABLED^9535|FB2F\r") == b"!REMOTE_CTRL^ENABLED^****^PERMIT^0^ms|7BB0\r"


def test_the_checksum_of_a_recorded_status() -> None:
    """What OpenICE recorded from a pump at an occlusion."""
    assert frame("INF^8002-51733^A^HLD^0.00^ml/h^^0.969^ml^530.15^mmHg^00:04:09^EVENT^214725")[-5:] == b"DB9D\r"


def test_the_status_of_a_pump_on_hold_and_infusing() -> None:
    bench = Bench()
    assert bench.inf() == [
        "8002-51740", "-", "HLD", "0.00", "ml/h", "", "0.000", "ml", "15.00", "mmHg", "24+", "EVENT", "127904",
    ]  # fmt: skip
    bench.unlock()
    bench.tell("INF_RATE^36.00^ml/h")
    assert bench.tell("INF_START") == "INF_START"
    bench.hold(10.0)
    assert bench.inf()[1:8] == ["-", "SET", "36.00", "ml/h", "", "0.100", "ml"]
    assert bench.inf()[10] == "01:23:10"  # 49.9 mL at 36 mL/h
    assert bench.tell("INF_VI") == "INF_VI^0.100^ml"
    assert bench.moved_ul == pytest.approx(100.0)


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (b"\n!INF_VI|", False),
        (b"!INF_VI\r", False),
        (b"INF_VI|" + frame("INF_VI")[-5:], False),
        (b"\r\n  " + frame("INF_VI"), True),
        (b"!ALAR" + frame("INF_VI"), True),
        (b"!ALARM|50\x1b" + frame("INF_VI"), True),
        (frame("INF_VI")[:-3] + b"\x1b" + frame("INF_VI")[-3:], False),
        (frame("INF_VI").lower(), False),
        (frame("INF_VI").replace(b"VI|", b"VJ|"), False),
        (frame("XYZ"), False),
        (frame(""), False),
        (b"!" + b"x" * 300 + b"\r", False),
        (b"\xff\x00\xfe" + frame("INF_VI"), True),
    ],
)
def test_only_whole_frames_of_known_commands_are_answered(sent: bytes, answered: bool) -> None:
    bench = Bench()
    assert bench.say(sent) == (frame("INF_VI^0.000^ml") if answered else b"")
    bench.say(b"\x1b")
    assert bench.tell("INF_VI") == "INF_VI^0.000^ml"


# -- settings


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        ("INF_RATE", "0.10"), ("INF_RATE^5^ml/h", "5.00"), ("INF_RATE^1200^ml/h", "1200.00"),
        ("INF_RATE^3.456^ml/h", "3.46"), ("INF_RATE^0.05^ml/h", "0.10"), ("INF_RATE^1200.01^ml/h", "0.10"),
        ("INF_RATE^-1^ml/h", "0.10"), ("INF_RATE^nan^ml/h", "0.10"), ("INF_RATE^5^l/h", "0.10"),
        ("INF_RATE^5", "0.10"), ("INF_RATE^^ml/h", "0.10"),
    ],
)  # fmt: skip
def test_a_rate_is_answered_with_what_holds(sent: str, answer: str) -> None:
    bench = Bench()
    bench.unlock()
    assert bench.tell(sent) == bench.tell("INF_RATE") == f"INF_RATE^{answer}^ml/h"


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        ("INF_VTBI", "DEACT^^^"), ("INF_VTBI^ACTIV^0.5^ml^STOP", "ACTIV^0.500^ml^STOP"),
        ("INF_VTBI^ACTIV^0^ml^STOP", "DEACT^^^"), ("INF_VTBI^ACTIV^1^l^STOP", "DEACT^^^"),
        ("INF_VTBI^ACTIV^1^ml", "DEACT^^^"), ("INF_VTBI^ACTIV^x^ml^STOP", "DEACT^^^"),
    ],
)  # fmt: skip
def test_a_volume_is_answered_with_what_holds(sent: str, answer: str) -> None:
    bench = Bench()
    bench.unlock()
    assert bench.tell(sent) == bench.tell("INF_VTBI") == f"INF_VTBI^{answer}"
    assert bench.tell("INF_VTBI^DEACT") == "INF_VTBI^DEACT^^^"


def test_the_volume_answer_without_one_is_what_openice_reads() -> None:
    """It waits for 24 bytes, and takes an empty third field for no volume."""
    bench = Bench()
    answer = bench.say(b"!INF_VTBI|8456\r")
    assert len(answer) == 24
    assert answer.decode().split("^")[2] == ""


def test_the_highest_rate_goes_with_the_syringe() -> None:
    bench = Bench(syringe_size=5, syringe="TERUMO")
    assert bench.tell("INF_RATE_MAX_SYRINGE") == "INF_RATE_MAX_SYRINGE^150.00^ml/h"
    assert bench.tell("SYRINGE_STATUS") == "SYRINGE_STATUS^TERUMO^  5^CONF"


# -- remote control


def test_without_remote_control_nothing_is_set_or_started() -> None:
    bench = Bench()
    assert bench.tell("INF_RATE^5.00^ml/h") == "INF_RATE^0.10^ml/h"
    assert bench.tell("INF_VTBI^ACTIV^1.000^ml^STOP") == "INF_VTBI^DEACT^^^"
    assert [bench.tell(each) for each in ("INF_START", "INF_STOP", "INF_VI_CLEAR")] == [""] * 3
    assert not bench.drive.running


@pytest.mark.parametrize("code", ["3CC2", "3cc1", "9535", ""])
def test_a_wrong_code_unlocks_nothing(code: str) -> None:
    bench = Bench()
    assert bench.tell(f"REMOTE_CTRL^ENABLED^{code}") == "REMOTE_CTRL^DISABLED^****^PERMIT^0^ms"
    assert bench.tell("REMOTE_CTRL^ENABLED") == "REMOTE_CTRL^DISABLED^****^PERMIT^0^ms"
    assert bench.tell("INF_START") == ""


def test_software_that_permits_no_remote_control() -> None:
    bench = Bench(remote_control=False)
    assert bench.tell("REMOTE_CTRL^ENABLED^3CC1") == "REMOTE_CTRL^DISABLED^^^^"
    assert bench.tell("INF_START") == ""
    assert bench.inf()[2] == "HLD"


def test_remote_control_lapses_and_is_taken_again_and_given_back() -> None:
    bench = Bench()
    bench.unlock()
    bench.run(3.9)
    assert bench.tell("INF_RATE^5.00^ml/h") == "INF_RATE^5.00^ml/h"
    bench.run(0.2)
    assert bench.tell("INF_RATE^6.00^ml/h") == "INF_RATE^5.00^ml/h"
    assert bench.tell("INF_START") == ""
    bench.unlock()
    assert bench.tell("INF_START") == "INF_START"
    assert bench.tell("REMOTE_CTRL^DISABLED") == "REMOTE_CTRL^DISABLED^****^PERMIT^0^ms"
    assert bench.tell("INF_STOP") == ""
    assert bench.drive.running


def test_configuration_is_unlocked_as_infupy_does() -> None:
    bench = Bench()
    assert bench.tell("REMOTE_CFG^ENABLED^3CC1") == "REMOTE_CFG^ENABLED^****^PERMIT^0^ms"
    assert bench.tell("REMOTE_CFG^DISABLED") == "REMOTE_CFG^DISABLED^****^PERMIT^0^ms"
    assert bench.tell("INF_START") == ""  # it is no control


def test_after_a_lapse_the_infusion_goes_on_and_silence_stops_it_with_an_alarm() -> None:
    bench = Bench()
    bench.unlock()
    bench.tell("INF_RATE^36.00^ml/h")
    bench.tell("INF_START")
    bench.run(14.0)
    assert bench.inf()[1:4] == ["-", "SET", "36.00"]
    bench.run(14.9)
    assert bench.drive.running
    bench.run(0.2)
    assert not bench.drive.running
    assert bench.inf()[1:4] == ["A", "HLD", "0.00"]
    assert bench.tell("ALARM") == "ALARM^AL_COMTO^ ^ "
    bench.unlock()
    assert bench.tell("INF_START") == "INF_START"
    assert bench.tell("ALARM") == "ALARM^AL_NOALM^ ^ "


# -- the infusion


def test_a_volume_to_be_infused_ends_by_itself_with_its_alarm() -> None:
    bench = Bench()
    bench.unlock()
    bench.tell("INF_RATE^360.00^ml/h")
    bench.tell("INF_VTBI^ACTIV^1.000^ml^STOP")
    bench.tell("INF_START")
    bench.hold(4.0)
    assert bench.tell("INF_VTBI") == "INF_VTBI^ACTIV^0.600^ml^STOP"
    bench.hold(7.0)
    assert bench.moved_ul == pytest.approx(1000.0)
    assert bench.streams == {"bolus"}
    assert bench.inf()[1:8] == ["A", "HLD", "0.00", "ml/h", "", "1.000", "ml"]
    assert bench.tell("ALARM") == "ALARM^AL_VTBIS^ ^ "
    assert bench.tell("INF_VTBI^DEACT") == "INF_VTBI^DEACT^^^"
    assert bench.tell("ALARM") == "ALARM^AL_NOALM^ ^ "


def test_a_bolus_as_openice_gives_it() -> None:
    """While the pump infuses it sets a volume and a rate, and takes both back."""
    bench = Bench()
    bench.unlock()
    for each in ("INF_RATE^36.00^ml/h", "INF_START", "INF_VTBI^ACTIV^50.000^ml^STOP", "INF_RATE^720.00^ml/h"):
        bench.tell(each)
    bench.hold(5.0)
    assert bench.moved_ul == pytest.approx(1000.0, abs=20.0)
    assert bench.tell("INF_VTBI^DEACT") == "INF_VTBI^DEACT^^^"
    assert bench.tell("INF_RATE^36.00^ml/h") == "INF_RATE^36.00^ml/h"
    bench.hold(10.0)
    assert bench.moved_ul == pytest.approx(1100.0, abs=20.0)
    assert bench.inf()[3] == "36.00"


def test_the_count_is_cleared_while_it_infuses() -> None:
    bench = Bench()
    bench.unlock()
    bench.tell("INF_RATE^360.00^ml/h")
    bench.tell("INF_START")
    bench.hold(1.0)
    bench.tell("INF_VI_CLEAR")
    bench.hold(2.0)
    bench.tell("INF_STOP")
    assert bench.tell("INF_VI") == "INF_VI^0.200^ml"
    bench.run(10.0)
    assert bench.tell("INF_VI") == "INF_VI^0.200^ml"


def test_pressure_in_the_line_stops_it() -> None:
    bench = Bench(occlusion_pressure="500 mmHg")
    bench.unlock()
    bench.tell("INF_START")
    bench.pressure_kpa = 66.0
    bench.hold(3.0)
    assert bench.inf()[1:4] == ["-", "SET", "0.10"]
    bench.pressure_kpa = 70.0
    bench.hold(2.0)
    assert bench.inf()[1:4] == ["A", "HLD", "0.00"]
    assert bench.inf()[8:10] == ["525.04", "mmHg"]
    assert bench.tell("ALARM") == "ALARM^AL_OCCLU^ ^ "
    bench.unlock()
    assert bench.tell("INF_STOP") == "INF_STOP"
    assert bench.tell("ALARM") == "ALARM^AL_NOALM^ ^ "


def test_a_syringe_that_ends_warns_and_stops() -> None:
    bench = Bench(near_end="10 s")
    bench.syringe_ul = 1500.0
    bench.unlock()
    bench.tell("INF_RATE^360.00^ml/h")
    bench.tell("INF_START")
    bench.hold(3.0)
    assert bench.tell("ALARM") == "ALARM^AL_NOALM^ ^ "
    bench.hold(4.0)
    assert bench.inf()[1:4] == ["A", "SET", "360.00"]
    assert bench.tell("ALARM") == "ALARM^AL_NEOIN^ ^ "
    bench.hold(15.0)
    assert bench.inf()[1:4] == ["A", "HLD", "0.00"]
    assert bench.tell("ALARM") == "ALARM^AL_EOIST^ ^ "
    assert bench.moved_ul == pytest.approx(1500.0, abs=11.0)


def test_a_rate_that_would_soon_empty_a_full_syringe_is_no_near_end() -> None:
    bench = Bench()
    bench.unlock()
    bench.tell("INF_RATE^1200.00^ml/h")
    bench.tell("INF_START")
    bench.hold(5.0)
    assert bench.inf()[1] == "-"


def test_a_near_end_is_none_at_a_lower_rate() -> None:
    bench = Bench()
    bench.syringe_ul = 4000.0
    bench.unlock()
    bench.tell("INF_RATE^360.00^ml/h")
    bench.tell("INF_START")
    bench.hold(2.0)
    assert bench.tell("ALARM") == "ALARM^AL_NEOIN^ ^ "
    bench.tell("INF_RATE^1.00^ml/h")
    bench.hold(2.0)
    assert bench.tell("ALARM") == "ALARM^AL_NOALM^ ^ "


def test_a_syringe_that_was_not_confirmed_is_not_started() -> None:
    bench = Bench(syringe_confirmed=False)
    assert bench.tell("SYRINGE_STATUS") == "SYRINGE_STATUS^BD PLASTIPAK^ 50^NCONF"
    bench.unlock()
    assert bench.tell("INF_START") == ""
    assert not bench.drive.running


def test_power_lost_and_returned_leaves_it_on_hold() -> None:
    bench = Bench()
    bench.unlock()
    bench.tell("INF_RATE^36.00^ml/h")
    bench.tell("INF_START")
    bench.powered = False
    bench.drive.stop(bench.time_s)
    assert bench.tell("INF") == ""
    bench.powered, bench.starts = True, 1
    assert bench.inf()[1:4] == ["-", "HLD", "0.00"]
    assert bench.tell("INF_START") == ""
    assert bench.tell("INF_RATE") == "INF_RATE^36.00^ml/h"
    assert bench.pump.next_event_s() == math.inf
