# DEL on UnAV-100, as published: event-aligned attention, contrastive loss, path aggregation neck.
_base_ = ['_base_/schedule.py', '_base_/datasets/unav100.py', '_base_/models/del.py']

default_hooks = dict(
    contrast=dict(type='mmdel.ScoreContrastiveHook', loss=dict(type='mmdel.ScoreContrastiveLoss'), taps=_base_.taps)
)
