# Without score-based contrastive learning.
_base_ = ['../del_grid.py']

default_hooks = dict(contrast=dict(enable=False))
