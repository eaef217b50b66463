# A small DEL on the demo data, which are made on first use: minutes of training on two CPU cores.
_base_ = ['_base_/schedule_small.py', '_base_/datasets/demo.py', '_base_/models/del.py']

model = dict(
    backbone=dict(**_base_.for_backbone, attn_window=19),
    neck=dict(attn_window=19),
    # TriDet's boundaries instead of plain offsets, and positives that count by how well theirs fit: they pay here.
    head=dict(**_base_.for_head, regressor=dict(type='mmdel.TridentRegressor', num_bins=16), iou_power=0.2),
)
default_hooks = dict(
    contrast=dict(type='mmdel.ScoreContrastiveHook', loss=dict(type='mmdel.ScoreContrastiveLoss'), taps=_base_.taps)
)
