"""The pump driver against `docs/pump-bridge.md`, through pyvisa over a loopback socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from bench.clock import RealClock
from drivers import roles, scpi
from drivers.errors import GarbledReplyError, NoReplyError, RefusedError
from drivers.pump.scpi_insulin_pump import Options, ScpiInsulinPump, open_pump
from drivers.roles import BolusStatus, DeliveryState, Identity, OcclusionLevel
from tests.drivers.peers import Answer, Script, TcpPeer

IDENTITY = b"Acme,Bridge 3,SN-17,1.4\n"
NO_ERROR = b'0,"No error"\n'
OPENING = [(b"*CLS", None), (b"*IDN?", IDENTITY), (b"SYST:BRID?", b"1.0\n"), (b"INS:CONC?", b"100\n")]
Open = Callable[[Answer], ScpiInsulinPump]


def taken(*commands: bytes) -> list[tuple[bytes, bytes | None]]:
    """Return the script of commands that the pump takes."""
    return [pair for command in commands for pair in ((command, None), (b"SYST:ERR?", NO_ERROR))]


@pytest.fixture
def open_at(
    clock: RealClock, tcp_peer: Callable[[Answer, bytes], TcpPeer], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Open]:
    monkeypatch.setattr(scpi.ScpiSession.__init__, "__defaults__", (0.4,))
    opened: list[ScpiInsulinPump] = []

    def make(answer: Answer) -> ScpiInsulinPump:
        opened.append(open_pump(tcp_peer(answer, b"\n").visa_address, Options(), clock))
        return opened[-1]

    yield make
    for pump in opened:
        pump.close()


@pytest.mark.parametrize(
    ("act", "commands"),
    [
        (lambda pump: pump.start_basal(0.5), [b"BAS:RATE 0.05", b"BAS:PROF:CLE", b"BAS:STAT ON"]),
        (lambda pump: pump.start_basal(10.0), [b"BAS:RATE 1", b"BAS:PROF:CLE", b"BAS:STAT ON"]),
        (lambda pump: pump.start_bolus(3.0), [b"BOL:IMM 0.3"]),
        (lambda pump: pump.start_extended_bolus(0.0, 20.0, 1800.0), [b"BOL:EXT 2,1800"]),
        (lambda pump: pump.start_extended_bolus(5.0, 20.0, 1800.0), [b"BOL:DUAL 0.5,2,1800"]),
        (lambda pump: pump.cancel_bolus(), [b"BOL:CANC"]),
        (lambda pump: pump.start_temporary_basal(150.0, 3600.0), [b"BAS:TEMP:PERC 150,3600"]),
        (lambda pump: pump.start_temporary_rate(4.0, 5400.0), [b"BAS:TEMP:RATE 0.4,5400"]),
        (lambda pump: pump.cancel_temporary_basal(), [b"BAS:TEMP:CANC"]),
        (lambda pump: pump.start_profile([(0.0, 10.0), (21600.0, 12.5)]), [b"BAS:PROF 0,1,21600,1.25", b"BAS:STAT ON"]),
        (lambda pump: pump.suspend(), [b"DEL:SUSP"]),
        (lambda pump: pump.resume(), [b"DEL:RES"]),
        (lambda pump: pump.prime(50.0), [b"PRIM 5"]),
        (lambda pump: pump.reservoir_filled(3000.0), [b"RES:FILL 300"]),
        (lambda pump: pump.set_occlusion_level(OcclusionLevel.LOW), [b"ALAR:OCCL:LEV LOW"]),
        (lambda pump: pump.set_occlusion_level(OcclusionLevel.MEDIUM), [b"ALAR:OCCL:LEV MED"]),
        (lambda pump: pump.acknowledge_alarms(), [b"ALAR:ACKN"]),
        (lambda pump: pump.arm_watchdog(60.0), [b"SYST:WATC 60"]),
        (lambda pump: pump.disarm_watchdog(), [b"SYST:WATC 0"]),
    ],
)
def test_what_is_set_is_followed_by_the_error_queue(
    act: Callable[[ScpiInsulinPump], None], commands: list[bytes], open_at: Open
) -> None:
    script = Script([*OPENING, *taken(*commands)])
    act(open_at(script))
    script.check()


@pytest.mark.parametrize(
    ("query", "answer", "ask", "value"),
    [
        (b"DEL:STAT?", b"STOP\n", lambda pump: pump.state(), DeliveryState.STOPPED),
        (b"DEL:STAT?", b"BAS\n", lambda pump: pump.state(), DeliveryState.BASAL),
        (b"DEL:STAT?", b"BOL\n", lambda pump: pump.state(), DeliveryState.BOLUS),
        (b"DEL:STAT?", b"PRIM\n", lambda pump: pump.state(), DeliveryState.PRIMING),
        (b"DEL:STAT?", b"SUSP\n", lambda pump: pump.state(), DeliveryState.SUSPENDED),
        (b"DEL:STAT?", b"ALAR\n", lambda pump: pump.state(), DeliveryState.ALARM),
        (b"BOL:STAT?", b"NORM,1.5,0.25\n", lambda pump: pump.bolus_status(), BolusStatus(True, 15.0, 2.5)),
        (b"BOL:STAT?", b"IDLE,1.5,1.5\r\n", lambda pump: pump.bolus_status(), BolusStatus(False, 15.0, 15.0)),
        (b"DEL:VOL?", b"12.35\n", lambda pump: pump.delivered_ul(), 123.5),
        (b"RES:VOL?", b"2.5E+2\n", lambda pump: pump.reservoir_ul(), 2500.0),
        (b"BATT:LEV?", b"87\n", lambda pump: pump.battery_pct(), 87.0),
        (b"ALAR:OCCL:LEV?", b"MED\n", lambda pump: pump.occlusion_level(), OcclusionLevel.MEDIUM),
        (b"ALAR:OCCL:LEV?", b"HIGH\r\n", lambda pump: pump.occlusion_level(), OcclusionLevel.HIGH),
        (b"SYST:TIME?", b"86400.125\n", lambda pump: pump.pump_time_s(), 86400.125),
    ],
)
def test_what_is_asked(
    query: bytes, answer: bytes, ask: Callable[[ScpiInsulinPump], object], value: object, open_at: Open
) -> None:
    script = Script([*OPENING, (query, answer)])
    pump = open_at(script)
    assert ask(pump) == value
    script.check()


def test_concentration_decides_what_a_unit_is(open_at: Open) -> None:
    script = Script([*OPENING[:3], (b"INS:CONC?", b"200\n"), *taken(b"BOL:IMM 0.2"), (b"DEL:VOL?", b"0.2\n")])
    pump = open_at(script)
    assert pump.concentration_u_per_ml == 200.0
    pump.start_bolus(1.0)
    assert pump.delivered_ul() == pytest.approx(1.0, rel=1e-15)
    assert pump.identify() == Identity("Acme", "Bridge 3", "SN-17", "1.4")
    script.check()


def test_a_refusal_carries_the_pump_s_own_words(open_at: Open) -> None:
    refused = [
        (b"BOL:IMM 0.123", None),
        (b"SYST:ERR?", b'-224,"Illegal parameter value"\n'),
        (b"SYST:ERR?", b'101,"Reservoir empty"\n'),
        (b"SYST:ERR?", NO_ERROR),
    ]
    script = Script([*OPENING, *refused, *taken(b"BOL:IMM 0.1")])
    pump = open_at(script)
    with pytest.raises(RefusedError, match=r'refused: -224,"Illegal parameter value"; sent b.BOL:IMM 0.123'):
        pump.start_bolus(1.23)
    pump.start_bolus(1.0)  # no entry is left to be taken for this one's
    script.check()


def test_a_refused_rate_starts_nothing(open_at: Open) -> None:
    script = Script(
        [*OPENING, (b"BAS:RATE 100", None), (b"SYST:ERR?", b'-222,"Data out of range"\n'), (b"SYST:ERR?", NO_ERROR)]
    )
    with pytest.raises(RefusedError, match="Data out of range"):
        open_at(script).start_basal(1000.0)
    script.check()


def test_alarms_are_taken_oldest_first(open_at: Open, clock: RealClock) -> None:
    script = Script(
        [
            *OPENING,
            (b"ALAR:NEXT?", b'1,3600.250,OCCLUSION,"Occlusion, check the line"\n'),
            (b"ALAR:NEXT?", b'2,3601.000,LOWRES,""\n'),
            (b"ALAR:NEXT?", b'0,0,NONE,"No alarm"\n'),
            (b"ALAR:NEXT?", b'0,0,NONE,"No alarm"\n'),
        ]
    )
    pump = open_at(script)
    alarms = pump.take_alarms()
    assert [(a.sequence, a.code, a.text, a.pump_time_s) for a in alarms] == [
        (1, "OCCLUSION", "Occlusion, check the line", 3600.25),
        (2, "LOWRES", "", 3601.0),
    ]
    assert alarms[0].time_s <= alarms[1].time_s <= clock.now_s()
    assert pump.take_alarms() == []
    script.check()


def test_an_alarm_taken_before_an_error_is_not_lost(open_at: Open) -> None:
    script = Script(
        [
            *OPENING,
            (b"ALAR:NEXT?", b'1,1.0,EMPTY,"Empty"\n'),
            (b"ALAR:NEXT?", b"what?\n"),
            *((b"*IDN?", IDENTITY), (b"*CLS", None)),  # back into step
            (b"ALAR:NEXT?", b'0,0,NONE,"No alarm"\n'),
        ]
    )
    pump = open_at(script)
    with pytest.raises(GarbledReplyError, match="no alarm"):
        pump.take_alarms()
    assert [alarm.code for alarm in pump.take_alarms()] == ["EMPTY"]


def test_stop_asks_whether_it_stopped(open_at: Open) -> None:
    script = Script([*OPENING, *taken(b"DEL:STOP"), (b"DEL:STAT?", b"ALAR\n")])
    open_at(script).stop()
    script.check()


def test_stop_is_tried_again(open_at: Open) -> None:
    script = Script(
        [
            *OPENING,
            (b"DEL:STOP", None),
            (b"SYST:ERR?", b"%&$\n"),
            # back into step by the known identity
            (b"*IDN?", IDENTITY),
            (b"*CLS", None),
            *taken(b"DEL:STOP"),
            (b"DEL:STAT?", b"BOL\n"),
            *taken(b"DEL:STOP"),
            (b"DEL:STAT?", b"STOP\n"),
        ]
    )
    open_at(script).stop()
    script.check()


def test_a_pump_that_does_not_stop_is_an_error(open_at: Open) -> None:
    script = Script([*OPENING, *(3 * [*taken(b"DEL:STOP"), (b"DEL:STAT?", b"BAS\n")])])
    with pytest.raises(RefusedError, match=r"still says 'basal' after being stopped.*Stop the pump by hand"):
        open_at(script).stop()
    script.check()


def test_a_late_answer_answers_no_later_query(open_at: Open) -> None:
    asked = 0

    def answer(command: bytes) -> bytes | None:
        nonlocal asked
        if command == b"DEL:VOL?":
            asked += 1
            return None if asked == 1 else b"2.0\n"
        if command == b"*IDN?":
            return b"1.0\n" + IDENTITY if asked else IDENTITY  # the late answer comes before
        if command == b"SYST:ERR?":
            return NO_ERROR
        return dict(OPENING).get(command)

    pump = open_at(answer)
    with pytest.raises(NoReplyError, match=r"no answer within 0.4 s; sent b'DEL:VOL"):
        pump.delivered_ul()
    assert pump.delivered_ul() == 20.0


def test_a_query_that_is_not_known_says_so(open_at: Open) -> None:
    script = Script(
        [
            *OPENING,
            (b"BATT:LEV?", None),
            (b"*IDN?", IDENTITY),
            (b"SYST:ERR?", b'-113,"Undefined header"\n'),
            (b"*CLS", None),
            (b"DEL:VOL?", b"1\n"),
        ]
    )
    pump = open_at(script)
    with pytest.raises(RefusedError, match=r'refused: -113,"Undefined header"; sent b.BATT:LEV\?'):
        pump.battery_pct()
    assert pump.delivered_ul() == 10.0
    script.check()


def test_silence_at_opening(open_at: Open) -> None:
    with pytest.raises(NoReplyError) as caught:
        open_at(lambda _: None)
    assert str(caught.value).startswith("pump at TCPIP0::127.0.0.1::")
    assert str(caught.value).endswith(
        "no answer within 0.4 s; sent b'*IDN?'; saw nothing. Is the bridge running and the pump connected to it?"
    )


@pytest.mark.parametrize(
    ("query", "answer", "error", "says"),
    [
        (b"*IDN?", b"hello\n", GarbledReplyError, "answered no identity"),
        (b"*IDN?", b"\xff\xfe,\x80,,\n", GarbledReplyError, "answered no identity"),
        (b"*IDN?", b"Acme,Br", GarbledReplyError, "no whole line"),
        (b"SYST:BRID?", b"2.0\n", RefusedError, "speaks bridge contract 2.0.*speaks 1.x"),
        (b"INS:CONC?", b"many\n", GarbledReplyError, "answered no number"),
        (b"INS:CONC?", b"0\n", GarbledReplyError, "answered no concentration"),
        (b"INS:CONC?", b"nan\n", GarbledReplyError, "answered no number"),
    ],
)
def test_what_is_no_bridge_is_refused(
    query: bytes, answer: bytes, error: type[Exception], says: str, open_at: Open
) -> None:
    with pytest.raises(error, match=says):
        open_at(lambda command: answer if command == query else dict(OPENING).get(command))


@pytest.mark.parametrize(
    ("ask", "query", "answer"),
    [
        (lambda pump: pump.state(), b"DEL:STAT?", b"HALF\n"),
        (lambda pump: pump.bolus_status(), b"BOL:STAT?", b"NORM,1.5\n"),
        (lambda pump: pump.bolus_status(), b"BOL:STAT?", b"NORM,1.5,x\n"),
        (lambda pump: pump.bolus_status(), b"BOL:STAT?", b"SOME,1.5,1.0\n"),
        (lambda pump: pump.delivered_ul(), b"DEL:VOL?", b"1_0\n"),
        (lambda pump: pump.delivered_ul(), b"DEL:VOL?", b"\xff\n"),
        (lambda pump: pump.take_alarms(), b"ALAR:NEXT?", b"1,2,OCCLUSION\n"),
        (lambda pump: pump.take_alarms(), b"ALAR:NEXT?", b'x,2,OCCLUSION,"a"\n'),
        (lambda pump: pump.take_alarms(), b"ALAR:NEXT?", b'1,soon,OCCLUSION,"a"\n'),
    ],
)
def test_garbled_answers(ask: Callable[[ScpiInsulinPump], object], query: bytes, answer: bytes, open_at: Open) -> None:
    script = Script([*OPENING, (query, answer)])
    pump = open_at(script)
    with pytest.raises(GarbledReplyError) as caught:
        ask(pump)
    assert query.decode() in str(caught.value)


def test_the_driver_has_every_capability() -> None:
    capabilities = [
        roles.Pump,
        roles.DeliversBasal,
        roles.DeliversBolus,
        roles.DeliversExtendedBolus,
        roles.DeliversTemporaryBasal,
        roles.DeliversProfile,
        roles.Suspends,
        roles.Primes,
        roles.ReportsDelivery,
        roles.RaisesAlarms,
        roles.HasWatchdog,
    ]
    pump = ScpiInsulinPump.__new__(ScpiInsulinPump)
    pump.concentration_u_per_ml = 100.0
    assert [capability.__name__ for capability in capabilities if not isinstance(pump, capability)] == []
