"""Data sets: annotations and features of untrimmed videos, and the pipeline that loads them."""

from mmdel.datasets import transforms
from mmdel.datasets.event_dataset import EventDataset

__all__ = ['EventDataset', 'transforms']
