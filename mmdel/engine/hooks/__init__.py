"""Hooks."""

from mmdel.engine.hooks.checkpoint_check_hook import CheckpointCheckHook
from mmdel.engine.hooks.class_check_hook import ClassCheckHook
from mmdel.engine.hooks.epoch_seed_hook import EpochSeedHook
from mmdel.engine.hooks.event_visualization_hook import EventVisualizationHook
from mmdel.engine.hooks.score_contrastive_hook import ScoreContrastiveHook

__all__ = [
    'CheckpointCheckHook',
    'ClassCheckHook',
    'EpochSeedHook',
    'EventVisualizationHook',
    'ScoreContrastiveHook',
]
