"""Picture and sound of a file on one clock; needs PyAV, the extra ``media``."""

from mmdel.media.files import find_media, media_ids
from mmdel.media.opening import MediaInfo, PictureInfo, SoundInfo, probe
from mmdel.media.rates import PictureRate, SoundRate
from mmdel.media.reader import MediaBlock, MediaReader
from mmdel.media.writer import VideoWriter

__all__ = [
    'MediaBlock',
    'MediaInfo',
    'MediaReader',
    'PictureInfo',
    'PictureRate',
    'SoundInfo',
    'SoundRate',
    'VideoWriter',
    'find_media',
    'media_ids',
    'probe',
]
