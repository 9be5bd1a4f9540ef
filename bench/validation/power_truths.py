"""What each measurement of a power test should have been."""

from __future__ import annotations

from bench.validation.course import HOUR_S, Course

EBBING_S = 30.0


def power_truths(course: Course) -> dict[str, float]:
    """Return the truths of a power test.

    - `time_to_low_battery_alarm`: from the middle of the voltage's command to the pump raising its alarm.
    - `delivered_while_off`: what arrived from 30 s after the cut until the return.
    - `time_to_return`: from the return until the pump had started.
    - `error_after_return`: what arrived from the return until the line settled, against what the rate makes due from
      the delivery's begin, commanded or by itself, to the stop.
    - `forgotten_volume`: what the motor was told before the cut, where the pump counts from nothing after it.
    """
    record, truth = course.record, course.truth
    off, on = record.events("power cut")[0], record.events("power returned")[0]
    alarm_s = course.noted_s("alarm", record.start_s)
    step = [event for event in record.events("supply voltage set") if float(event.data["sent_s"]) <= alarm_s][-1]
    fell_s = 0.5 * (float(step.data["sent_s"]) + float(step.data["acknowledged_s"]))
    started_s = next(
        note["time_s"] for note in truth.notes if note["kind"] == "power" and note["on"] and note["time_s"] > off.time_s
    )
    again = [event for event in record.events("basal commanded") if event.time_s > on.time_s]
    begun_s = 0.5 * (float(again[0].data["sent_s"]) + float(again[0].data["acknowledged_s"])) if again else started_s
    stop = record.events("basal stopped")[-1]
    stop_s = 0.5 * (float(stop.data["sent_s"]) + float(stop.data["acknowledged_s"]))
    due_ul = float(record.events("basal commanded")[0].data["rate_ul_per_h"]) * (stop_s - begun_s) / HOUR_S
    arrived_ul = course.between_ul(float(on.data["sent_s"]), course.event_s("settled"))
    after_s = float(off.data["acknowledged_s"]) + EBBING_S
    told = [note for note in truth.notes if note["kind"] == "alarm" and note["time_s"] >= started_s]
    forgets = any(fault["fault"] == "battery_forgets" for fault in truth.header["faults"])
    counted_ul = float(truth.pulse_commanded_ul[truth.pulse_time_s < float(off.data["sent_s"])].sum())
    return {
        "time_to_low_battery_alarm": alarm_s - fell_s,
        "delivered_while_off": course.between_ul(after_s, float(on.data["sent_s"])) / course.ul_per_u,
        "time_to_return": started_s - 0.5 * (float(on.data["sent_s"]) + float(on.data["acknowledged_s"])),
        "alarm_after_return": float(bool(told)),
        "resumed_by_itself": float(not again),
        "forgotten_volume": counted_ul / course.ul_per_u if forgets else 0.0,
        "error_after_return": 100.0 * (arrived_ul / due_ul - 1.0),
    }
