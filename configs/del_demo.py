# A small DEL on the demo data, which are made on first use: minutes of training on two CPU cores.
_base_ = ['_base_/schedule_small.py', '_base_/datasets/demo.py', '_base_/models/del.py']

model = dict(
    backbone=dict(**_base_.for_backbone, attn_window=19),
    neck=dict(attn_window=19),
    head=_base_.for_head,
)
default_hooks = dict(
    contrast=dict(type='mmdel.ScoreContrastiveHook', loss=dict(type='mmdel.ScoreContrastiveLoss'), taps=_base_.taps)
)
