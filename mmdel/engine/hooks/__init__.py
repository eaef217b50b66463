"""Hooks."""

from mmdel.engine.hooks.event_visualization_hook import EventVisualizationHook
from mmdel.engine.hooks.score_contrastive_hook import ScoreContrastiveHook

__all__ = ['EventVisualizationHook', 'ScoreContrastiveHook']
