"""Loops."""

from mmdel.engine.loops.resumable_train_loop import ResumableTrainLoop

__all__ = ['ResumableTrainLoop']
