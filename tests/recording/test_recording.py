"""What is written is what is read, while it is written and after it was sealed."""

from __future__ import annotations

import dataclasses
import json
import math
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.clock import RealClock, SimulatedClock
from bench.recording.errors import RecordingError
from bench.recording.reader import RecordingReader
from bench.recording.schema import BLOCK_ROWS
from bench.recording.writer import RecordingWriter
from tests.recording.conftest import CONFIG, weigh

Write = Callable[..., RecordingWriter]


def test_samples_come_back_in_order_with_nan_and_stability(write: Write) -> None:
    writer = write()
    weigh(writer, 200)
    writer.seal()
    with RecordingReader(writer.path) as reader:
        series = reader.series("balance.mass_g")
    assert series.time_s == pytest.approx(np.arange(200) * 0.1)
    assert series.value[0] == 1.0
    assert np.isnan(series.value).nonzero()[0].tolist() == [99, 199]
    assert (~series.stable).nonzero()[0].tolist() == [49, 99, 149, 199]
    assert series.beyond.nonzero()[0].tolist() == [99, 199]


def test_a_time_range_is_read_across_blocks_and_channels(write: Write, clock: SimulatedClock) -> None:
    writer = write()
    for i in range(3 * BLOCK_ROWS):
        writer.sample("balance.mass_g", i * 0.1, i, "stable", "")
        if i % 10 == 0:
            writer.sample("pressure.pressure_kpa", i * 0.1, -i, "ok", "")
    writer.commit()
    with RecordingReader(writer.path) as reader:
        balance = reader.series("balance.mass_g", 400.0, 1000.0)
        pressure = reader.series("pressure.pressure_kpa", 400.0, 1000.0)
        tail = reader.series("balance.mass_g", 1228.0)
        nothing = reader.series("balance.mass_g", 5000.0, 6000.0)
        assert reader.channels() == ["balance.mass_g", "pressure.pressure_kpa"]
    assert balance.value.tolist() == list(range(4000, 10001))
    assert pressure.value.tolist() == [-i for i in range(4000, 10001, 10)]
    assert tail.value.tolist() == list(range(12280, 3 * BLOCK_ROWS))
    assert len(nothing) == 0


def test_an_unknown_channel_is_empty_and_latest_is_nan_before_the_first(write: Write) -> None:
    writer = write()
    assert math.isnan(writer.latest("pressure.pressure_kpa"))
    writer.sample("pressure.pressure_kpa", 0.0, 3.5, "ok", "")
    assert writer.latest("pressure.pressure_kpa") == 3.5
    with RecordingReader(writer.path) as reader:
        assert len(reader.series("climate.temperature_c")) == 0


def test_events_of_a_test_make_its_record(write: Write, clock: SimulatedClock) -> None:
    writer = write()
    for test in ("A", "B"):
        writer.event("test started", test, id=test)
        for _ in range(3):
            clock.sleep_s(1.0)
            writer.sample("balance.mass_g", clock.now_s(), clock.now_s(), "stable", "")
        writer.event("bolus commanded", test, index=1, volume_ul=np.float64(10.0), sent_s=2.0, acknowledged_s=math.nan)
        writer.event("test ended", test, id=test, outcome="driven")
    writer.seal()
    with RecordingReader(writer.path) as reader:
        record = reader.test("B")
        assert (record.test_id, record.start_s, record.end_s, record.simulated) == ("B", 3.0, 6.0, True)
        assert record.series("balance.mass_g").value.tolist() == [3.0, 4.0, 5.0, 6.0]
        assert record.series("balance.mass_g", 1.0, 2.0).value.tolist() == [1.0, 2.0]
        assert [event.kind for event in record.events()] == ["test started", "bolus commanded", "test ended"]
        [bolus] = record.events("bolus commanded")
        assert bolus.data == {"index": 1, "volume_ul": 10.0, "sent_s": 2.0, "acknowledged_s": None}
        assert reader.test_ids() == ["A", "B"]
        with pytest.raises(RecordingError, match=r"test C was never started.*Tests that were: A, B"):
            reader.test("C")


def test_an_event_may_carry_any_word(write: Write) -> None:
    writer = write()
    writer.event("alarm seen", "T", kind="x", test="y", time_s=3.0, self="z")
    with RecordingReader(writer.path) as reader:
        assert reader.events()[0].data == {"kind": "x", "test": "y", "time_s": 3.0, "self": "z"}


def test_an_event_can_be_read_elsewhere_as_soon_as_it_is_written(write: Write) -> None:
    writer = write()
    with RecordingReader(writer.path) as reader:
        weigh(writer, 5)
        writer.event("occluder closed", "T")
        assert len(reader.series("balance.mass_g")) == 5
        assert [event.kind for event in reader.events()] == ["occluder closed"]
        assert not reader.sealed
        writer.seal()
    with RecordingReader(writer.path) as reader:
        assert reader.sealed
        assert reader.verify() == reader.digest


def test_a_sealed_recording_is_one_file_that_no_longer_needs_a_wal(write: Write) -> None:
    writer = write()
    weigh(writer, 10)
    writer.seal()
    assert [path.name for path in writer.path.parent.iterdir()] == ["recording.sqlite"]
    with sqlite3.connect(writer.path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    connection.close()


def test_the_configuration_comes_back_with_identities(write: Write) -> None:
    writer = write()
    identities = {"pump": {"manufacturer": "M", "model": "X", "serial_number": "1", "firmware": ""}}
    writer.set_identities(identities)
    writer.seal()
    with RecordingReader(writer.path) as reader:
        assert reader.config == dataclasses.replace(CONFIG, identities=identities)
        reader.verify()


def test_wire_traffic_comes_back_as_bytes(write: Write) -> None:
    writer = write()
    writer.wire("balance", "tx", 1.0, b"SIR\r\n")
    writer.wire("pump", "rx", 1.5, bytes(range(256)))
    writer.seal()
    with RecordingReader(writer.path) as reader:
        assert reader.wire("balance") == [(1.0, "balance", "tx", b"SIR\r\n")]
        assert reader.wire()[1] == (1.5, "pump", "rx", bytes(range(256)))
        reader.verify()


def test_equal_content_gives_equal_rows_and_digest_however_it_was_committed(write: Write) -> None:
    one, other = write("one.sqlite"), write("other.sqlite", dataclasses.replace(CONFIG, plan_file="/elsewhere/p.yaml"))
    for writer, every in ((one, 100_000), (other, 701)):
        for start in range(0, 9000, every):
            weigh(writer, min(every, 9000 - start), start)
            writer.commit()
        writer.event("test started", "T", id="T")
    assert one.seal() == other.seal()
    rows = []
    for writer in (one, other):
        connection = sqlite3.connect(writer.path)
        rows.append(
            [connection.execute("SELECT * FROM " + table).fetchall() for table in ("samples", "events", "blocks")]  # noqa: S608
        )
        connection.close()
    assert rows[0] == rows[1]
    assert len(rows[0][2]) == 4  # two whole blocks of samples, a rest, and the event's


def test_another_value_or_another_seed_gives_another_digest(write: Write) -> None:
    digests = set()
    for name, value, seed in (("a", 1.0, 7), ("b", 1.0000000000000002, 7), ("c", 1.0, 8)):
        writer = write(name, dataclasses.replace(CONFIG, seed=seed))
        writer.sample("balance.mass_g", 0.0, value, "stable", "")
        digests.add(writer.seal())
    assert len(digests) == 3


def test_several_threads_write_without_loss(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "threads.sqlite", RealClock(), CONFIG)

    def run(channel: str) -> None:
        for i in range(3000):
            writer.sample(channel, i * 0.01, i, "stable", "")
            if i % 500 == 0:
                writer.event("noted", channel, i=i)

    threads = [threading.Thread(target=run, args=(f"c{n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.seal()
    with RecordingReader(writer.path) as reader:
        reader.verify()
        for n in range(3):
            assert reader.series(f"c{n}").value.tolist() == list(range(3000))
        assert len(reader.events("noted")) == 18


def test_data_of_events_is_strict_json(write: Write) -> None:
    writer = write()
    writer.event("noted", "", values=[math.inf, 1.0], nested={"a": math.nan})
    writer.close()
    connection = sqlite3.connect(writer.path)
    (text,) = connection.execute("SELECT data FROM events").fetchone()
    connection.close()
    assert json.loads(text, parse_constant=lambda name: pytest.fail(name)) == {
        "values": [None, 1.0],
        "nested": {"a": None},
    }
