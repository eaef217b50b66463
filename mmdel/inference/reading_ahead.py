"""Videos are read by threads while the model runs, no further ahead than a few blocks of a few videos."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from mmdel.runtime.alignment import Block
from mmdel.runtime.reading import Input, VideoReader
from mmdel.utils.errors import UserInputError

BLOCKS_AHEAD = 8  # of a video: about a minute
WAIT_SEC = 0.1


@dataclass
class ReadVideo:
    """A video that is being read. Iterate over it once for its blocks; what else it says is right thereafter.

    Attributes:
        item: What is read.
        duration_sec: Its length; None if that is not known.
        notes: What was amiss but read all the same.
        error: Why its reading ended too early; None if it did not.
        seconds: How long the reading took, without waiting.
    """

    item: Input
    duration_sec: float | None = None
    notes: list[str] = field(default_factory=list)
    error: str | None = None
    seconds: float = 0.0
    _blocks: queue.Queue = field(default_factory=lambda: queue.Queue(BLOCKS_AHEAD), repr=False)

    def __iter__(self) -> Iterator[Block]:
        while (block := self._blocks.get()) is not None:
            yield block

    def read(self, reader: VideoReader, stop: threading.Event) -> None:
        """Reads it, in a thread; whatever goes wrong is its ``error``."""
        try:
            begun = time.perf_counter()
            reading = reader.open(self.item)
            for block in reading:
                self.seconds += time.perf_counter() - begun
                self._put(block, stop)
                begun = time.perf_counter()
            self.seconds += time.perf_counter() - begun
            self.duration_sec, self.notes = reading.duration_sec, reading.notes
        except UserInputError as error:
            self.error = str(error)
        except Exception as error:  # one broken file ends nothing but itself
            self.error = f'{type(error).__name__}: {error}'
        finally:
            self._put(None, stop)

    def _put(self, block: Block | None, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                return self._blocks.put(block, timeout=WAIT_SEC)
            except queue.Full:
                continue


def read_ahead(
    items: Iterable[Input], reader: VideoReader, num_workers: int, num_ahead: int
) -> Generator[ReadVideo, None, None]:
    """The videos in their order, each of which is being read when it comes.

    Args:
        items: The videos, taken as they are needed.
        reader: What opens them.
        num_workers: Threads, each of which reads one video.
        num_ahead: Most videos that are begun before they are asked for.
    """
    stop, begun = threading.Event(), deque[ReadVideo]()
    pool = ThreadPoolExecutor(num_workers, thread_name_prefix='read')
    try:
        for item in items:
            video = ReadVideo(item)
            pool.submit(video.read, reader, stop)
            begun.append(video)
            if len(begun) > num_ahead:
                yield begun.popleft()
        while begun:
            yield begun.popleft()
    finally:
        stop.set()
        pool.shutdown(wait=False, cancel_futures=True)
