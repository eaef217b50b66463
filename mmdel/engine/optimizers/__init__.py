"""Optimizer wrappers."""

from mmdel.engine.optimizers.amp_optim_wrapper import AmpOptimWrapper

__all__ = ['AmpOptimWrapper']
