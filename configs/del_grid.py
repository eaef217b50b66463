# DEL on GRID-streams.
_base_ = ['_base_/schedule_grid.py', '_base_/datasets/grid.py', '_base_/models/del.py']

window = 19
model = dict(
    backbone=dict(**_base_.for_backbone, align=dict(window_intra=window), attn_window=window, dropout=0.1),
    neck=dict(attn_window=window, dropout=0.1),
    head=dict(**_base_.for_head, class_aware=False, assigner=dict(center_sampling_radius=1.5)),
)
default_hooks = dict(
    contrast=dict(
        type='mmdel.ScoreContrastiveHook',
        loss=dict(type='mmdel.ScoreContrastiveLoss', intra_weight=0.1),
        taps=_base_.taps,
        # From the first epoch and at weight 1, the contrast is learned before the events are, and at their cost.
        start_epoch=10,
        ramp_epochs=10,
    )
)
