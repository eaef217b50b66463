"""Hooks and loops of trainings."""

from mmdel.compat import checkpoint_without_reentry

checkpoint_without_reentry()
