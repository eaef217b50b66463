# Without score-based contrastive learning.
_base_ = ['../del_demo.py']

default_hooks = dict(contrast=dict(enable=False))
