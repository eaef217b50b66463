"""The steps of the data pipeline, in their order: load, align, crop, augment, pack."""

from mmdel.datasets.transforms.aligning import AlignStreams
from mmdel.datasets.transforms.augmenting import RandomNoise, RandomShift, RandomSpeed
from mmdel.datasets.transforms.cropping import RandomTemporalCrop
from mmdel.datasets.transforms.disturbing import DisturbStream
from mmdel.datasets.transforms.loading import LoadFeatures
from mmdel.datasets.transforms.mixing import MixVideos
from mmdel.datasets.transforms.packing import PackEvents
from mmdel.datasets.transforms.proposals import LoadProposals
from mmdel.datasets.transforms.resizing import ResizeStreams
from mmdel.datasets.transforms.video_scores import LoadVideoScores

__all__ = [
    'AlignStreams',
    'DisturbStream',
    'LoadFeatures',
    'LoadProposals',
    'LoadVideoScores',
    'MixVideos',
    'PackEvents',
    'RandomNoise',
    'RandomShift',
    'RandomSpeed',
    'RandomTemporalCrop',
    'ResizeStreams',
]
