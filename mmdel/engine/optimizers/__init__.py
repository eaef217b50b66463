"""Optimizer wrappers, and how they are made."""

from mmdel.engine.optimizers.amp_optim_wrapper import AmpOptimWrapper
from mmdel.engine.optimizers.grouped_constructor import GroupedOptimWrapperConstructor

__all__ = ['AmpOptimWrapper', 'GroupedOptimWrapperConstructor']
