"""Models and their parts."""

from mmdel.models import backbones, detectors, heads, losses, necks, task_modules
from mmdel.models.data_preprocessor import EventDataPreprocessor

__all__ = ['EventDataPreprocessor', 'backbones', 'detectors', 'heads', 'losses', 'necks', 'task_modules']
