# Without score-based contrastive learning.
_base_ = ['../del_unav100.py']

default_hooks = dict(contrast=dict(enable=False))
