"""The one clock of a file's streams, whose timestamps may jump."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.packet import Packet

MAX_GAP_SEC = 3600.0  # a longer one, in all streams at once, is a clock that was set anew
MAX_BACK_SEC = 1.0  # decoding times only grow, but for small slips
MAX_JUMPS = 100


class Clock:
    """Seconds since the file's first moment.

    Recordings that were joined, or whose clock was set anew, have timestamps that jump back, or ahead by hours. A jump
    takes no time: what follows it is moved to where the file was, for all its streams alike, since each meets the jump
    at another packet.

    Attributes:
        notes: The jumps.
    """

    def __init__(self, zero_sec: Fraction) -> None:
        self._zero_sec = float(zero_sec)
        self._shifts_sec = [0.0]  # what is added to timestamps, before and after each jump
        self._ends_sec: dict[int, float] = {}  # where each stream is
        self.notes: list[str] = []

    def seconds(self, ticks: int, time_base: Fraction) -> float:
        """A corrected timestamp in seconds."""
        return ticks * time_base.numerator / time_base.denominator - self._zero_sec

    def correct(self, packet: Packet) -> None:
        """Takes the jumps out of a packet's timestamps."""
        pts, dts, time_base = packet.pts, packet.dts, packet.time_base
        tick_sec = time_base.numerator / time_base.denominator
        if dts is None and pts is None:
            return
        if pts is not None and dts is not None and abs(pts - dts) * tick_sec > MAX_GAP_SEC:
            packet.pts = pts = dts
        told_sec = self.seconds(dts if dts is not None else pts, time_base)  # type: ignore[arg-type]
        latest_sec = max(self._ends_sec.values(), default=0.0)
        here_sec = self._ends_sec.get(packet.stream_index, latest_sec)
        low_sec = here_sec - (MAX_BACK_SEC if packet.stream_index in self._ends_sec else MAX_GAP_SEC)
        fitting = [s for s in self._shifts_sec if low_sec <= told_sec + s <= latest_sec + MAX_GAP_SEC]
        shift_sec = min(fitting, key=lambda s: abs(told_sec + s - here_sec), default=None)
        if shift_sec is None:
            shift_sec = here_sec - told_sec
            self._shifts_sec = [*self._shifts_sec[1 - MAX_JUMPS :], shift_sec]
            self.notes.append(f'its timestamps jump at {here_sec:.2f} s, by {-shift_sec:+.2f} s: taken for no time')
        if shift_sec:
            ticks = round(shift_sec / time_base)
            packet.pts, packet.dts = pts if pts is None else pts + ticks, dts if dts is None else dts + ticks
        length_sec = (packet.duration or 0) * tick_sec
        end_sec = told_sec + shift_sec + (length_sec if length_sec < MAX_GAP_SEC else 0.0)
        self._ends_sec[packet.stream_index] = max(end_sec, self._ends_sec.get(packet.stream_index, 0.0))
