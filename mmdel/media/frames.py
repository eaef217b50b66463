"""One decoded frame as a picture: as shown, of the size that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmdel.media.rates import PictureRate
from mmdel.utils.optional import require

if TYPE_CHECKING:
    from av.filter import Graph
    from av.video.frame import VideoFrame

# An area filter, with full colour resolution, rounded well (libswscale/swscale.h: SWS_AREA, SWS_FULL_CHR_H_INT,
# SWS_FULL_CHR_H_INP, SWS_ACCURATE_RND). Without the second, colours of neighbouring pixels run into each other.
SCALER = 0x20 | 0x2000 | 0x4000 | 0x40000
MAX_OVERSIZE = 16  # how many times larger than asked for a picture is scaled before it is cropped


def to_picture(frame: VideoFrame, rate: PictureRate, pixel_aspect: float = 1.0) -> np.ndarray:
    """A frame as a picture (height, width, 3) uint8 in RGB, turned and shaped as a player shows it.

    Args:
        frame: The frame.
        rate: The picture's size, and how it fits.
        pixel_aspect: Width of the frame's pixels by their height.
    """
    is_turned, flips = orientation(frame)
    box_height, box_width = rate.height, rate.width
    if rate.fit != 'stretch':
        shown_height, shown_width = shown_size(frame, pixel_aspect)
        scales = rate.height / shown_height, rate.width / shown_width
        scale = max(scales) if rate.fit == 'crop' else min(scales)
        box_height = int(np.clip(round(shown_height * scale), 1, MAX_OVERSIZE * rate.height))
        box_width = int(np.clip(round(shown_width * scale), 1, MAX_OVERSIZE * rate.width))
    size = (box_height, box_width) if is_turned else (box_width, box_height)
    picture = frame.reformat(*size, 'rgb24', interpolation=SCALER, threads=1).to_ndarray()
    picture = picture.transpose(1, 0, 2) if is_turned else picture
    picture = picture[:: -1 if flips[0] else 1, :: -1 if flips[1] else 1]
    return _centred(picture, rate.height, rate.width)


def _centred(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """The middle of a picture, or the picture in the middle of black: (height, width, 3)."""
    if picture.shape[:2] == (height, width):
        return picture
    top, left = ((picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2)
    picture = picture[max(top, 0) :, max(left, 0) :][:height, :width]
    fitted = np.zeros((height, width, 3), np.uint8)
    fitted[max(-top, 0) :, max(-left, 0) :][: picture.shape[0], : picture.shape[1]] = picture
    return fitted


def orientation(frame: VideoFrame) -> tuple[bool, tuple[bool, bool]]:
    """How a frame is turned to be shown: whether rows become columns, and then whether (rows, columns) are reversed.

    From the nine 16.16 numbers a, b, u, c, d, v, x, y, w of its display matrix, which takes (column, row) to
    (a column + c row, b column + d row); libavutil/display.h. Angles between are rounded to a quarter turn.
    """
    try:
        data = frame.side_data.get('DISPLAYMATRIX')
        matrix = None if data is None else np.frombuffer(data, np.int32)  # type: ignore[call-overload]
    except ValueError:  # PyAV does not know another kind of side data of this frame
        turns = round(frame.rotation / 90) % 4  # counterclockwise
        return turns % 2 == 1, (turns in (1, 2), turns in (2, 3))
    if matrix is None:
        return False, (False, False)
    a, b, _, c, d = matrix[:5].tolist()
    if abs(b) > abs(a):
        return True, (b < 0, c < 0)
    return False, (d < 0, a < 0)


def shown_size(frame: VideoFrame, pixel_aspect: float) -> tuple[float, float]:
    """Height and width of a frame as shown, in square pixels."""
    width = frame.width * pixel_aspect
    return (width, frame.height) if orientation(frame)[0] else (frame.height, width)


class Deinterlacer:
    """Frames whose lines are of two moments become pictures of one (bwdif); others are left as they are.

    From the first interlaced frame on, all pass through the filter, which holds one back.
    """

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._shape: tuple = ()

    def __call__(self, frame: VideoFrame | None) -> list[VideoFrame]:
        """The frames that are complete once ``frame`` has come; None for the end."""
        if self._graph is None and (frame is None or not frame.interlaced_frame):
            return [] if frame is None else [frame]
        shape = () if frame is None else (frame.width, frame.height, frame.format.name, frame.time_base)
        done = []
        if self._graph is not None and shape != self._shape:
            done = self._pull(self._graph, None)
            self._graph = None
        if frame is None:
            return done
        if self._graph is None:
            self._graph, self._shape = self._build(frame), shape
        return done + self._pull(self._graph, frame)

    @staticmethod
    def _build(frame: VideoFrame) -> Graph:
        graph = require('av.filter', 'media').Graph()
        source = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
        )
        graph.link_nodes(source, graph.add('bwdif', 'mode=send_frame:deint=interlaced'), graph.add('buffersink'))
        graph.configure()
        return graph

    @staticmethod
    def _pull(graph: Graph, frame: VideoFrame | None) -> list[VideoFrame]:
        av = require('av', 'media')
        graph.vpush(frame)
        frames = []
        while True:
            try:
                frames.append(graph.vpull())
            except (av.BlockingIOError, av.EOFError):
                return frames
