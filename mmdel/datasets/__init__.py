"""Data sets: annotations and features of untrimmed videos, and the pipeline that loads them."""

from mmdel.datasets import transforms
from mmdel.datasets.event_dataset import EventDataset
from mmdel.datasets.synthetic import DemoEventDataset, ensure_demo_data

__all__ = ['DemoEventDataset', 'EventDataset', 'ensure_demo_data', 'transforms']
