"""Weight-free features of sound and picture, for the demo data and for users' own media."""

from mmdel.features.audio import LogMel
from mmdel.features.video import FrameGrid

__all__ = ['FrameGrid', 'LogMel']
