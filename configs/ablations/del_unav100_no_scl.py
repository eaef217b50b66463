# Without score-based contrastive learning.
_base_ = ['../del_unav100.py']

custom_hooks = [_base_.custom_hooks[0]]
