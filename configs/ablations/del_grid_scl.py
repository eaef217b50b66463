# With score-based contrastive learning.
_base_ = ['../del_grid.py']

default_hooks = dict(
    contrast=dict(type='mmdel.ScoreContrastiveHook', loss=dict(type='mmdel.ScoreContrastiveLoss'), taps=_base_.taps)
)
