"""Data sets: annotations and features of untrimmed videos, and the pipeline that loads them."""

from mmdel.datasets import transforms
from mmdel.datasets.collating import collate_videos
from mmdel.datasets.event_dataset import EventDataset
from mmdel.datasets.length_sampler import LengthBatchSampler
from mmdel.datasets.synthetic import DemoEventDataset, ensure_demo_data
from mmdel.datasets.workers import begin_worker

__all__ = [
    'DemoEventDataset',
    'EventDataset',
    'LengthBatchSampler',
    'begin_worker',
    'collate_videos',
    'ensure_demo_data',
    'transforms',
]
