# Without score-based contrastive learning.
_base_ = ['../del_grid.py']

custom_hooks = [_base_.custom_hooks[0]]
