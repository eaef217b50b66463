"""Hooks."""

from mmdel.engine.hooks.event_visualization_hook import EventVisualizationHook

__all__ = ['EventVisualizationHook']
