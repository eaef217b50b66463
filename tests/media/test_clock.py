from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import pytest

from mmdel.media.clock import MAX_GAP_SEC, Clock


@dataclass
class Packet:
    dts: int | None
    pts: int | None
    duration: int = 40
    stream_index: int = 0
    time_base: Fraction = Fraction(1, 1000)


def corrected(packets, zero_sec=0):
    clock = Clock(Fraction(zero_sec))
    for packet in packets:
        clock.correct(packet)
    return [None if p.pts is None else round(clock.seconds(p.pts, p.time_base), 6) for p in packets], clock.notes


def test_timestamps_in_order_are_seconds_since_the_start():
    packets = [Packet(k * 40, k * 40 + 80) for k in range(250, 255)]
    assert corrected(packets, 10) == ([0.08, 0.12, 0.16, 0.2, 0.24], [])


def test_pauses_of_up_to_an_hour_and_slips_stay_as_they_are():
    times = [0, 40, 30, 3_500_000, 3_500_040]
    assert corrected([Packet(time, time) for time in times]) == ([time / 1000 for time in times], [])


@pytest.mark.parametrize('jump', [-5000, -(10**7), 10**7, 10**12])
def test_a_clock_that_is_set_anew_takes_no_time_for_all_streams(jump):
    """Pictures and sound reach the jump at other packets, and packets of before and after it alternate."""
    before = [Packet(t, t, 40, s) for t in range(0, 10_000, 40) for s in (0, 1)]
    mixed = [
        Packet(10_000, 10_000),
        Packet(10_040 + jump, 10_040 + jump),
        Packet(10_000, 10_000, 40, 1),
        Packet(10_080 + jump, 10_080 + jump),
        Packet(10_040 + jump, 10_040 + jump, 40, 1),
    ]
    seconds, notes = corrected([*before, *mixed])
    assert seconds[-5:] == [10.0, 10.04, 10.0, 10.08, 10.04]
    assert len(notes) == 1 and 'jump at 10.04 s' in notes[0]


def test_one_wild_timestamp_does_not_move_what_follows():
    times = [0, 40, 10**10, 120, 160]
    seconds, _ = corrected([Packet(time, time) for time in times])
    assert seconds == [0, 0.04, 0.08, 0.12, 0.16]


def test_a_wild_time_of_showing_is_that_of_decoding():
    seconds, _ = corrected([Packet(0, 0), Packet(40, 40 + int(2000 * MAX_GAP_SEC)), Packet(80, 80)])
    assert seconds == [0, 0.04, 0.08]


def test_a_stream_that_starts_an_hour_late_and_packets_without_times_are_left_alone():
    packets = [Packet(0, 0), Packet(3_000_000, 3_000_000, 40, 1), Packet(None, None), Packet(None, 3_000_100)]
    seconds, notes = corrected(packets)
    assert seconds == [0, 3000, None, 3000.1] and notes == []
