# DEL on GRID-streams.
_base_ = ['_base_/schedule_grid.py', '_base_/datasets/grid.py', '_base_/models/del.py']

window = 19
model = dict(
    backbone=dict(**_base_.for_backbone, align=dict(window_intra=window), attn_window=window, dropout=0.1),
    neck=dict(attn_window=window, dropout=0.1),
    head=dict(**_base_.for_head, class_aware=False, assigner=dict(center_sampling_radius=1.5)),
)
default_hooks = dict(
    contrast=dict(type='mmdel.ScoreContrastiveHook', loss=dict(type='mmdel.ScoreContrastiveLoss'), taps=_base_.taps)
)
# It overfits after that.
train_cfg = dict(max_epochs=20)
