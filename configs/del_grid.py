# DEL on GRID-streams.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/schedule_small.py',
    '_base_/datasets/grid.py',
    '_base_/models/del.py',
]

width, window = 128, 19
model = dict(
    backbone=dict(
        in_channels=dict(visual=64, audio=64),
        embed_dims=width,
        align=dict(window_intra=window),
        attn_window=window,
        dropout=0.1,
    ),
    neck=dict(in_channels=width, attn_window=window, dropout=0.1),
    head=dict(
        num_classes=_base_.num_classes,
        in_channels=2 * width,
        feat_channels=width,
        class_aware=False,
        assigner=dict(center_sampling_radius=1.5),
        nms=dict(max_num=300),
    ),
)
train_cfg = dict(max_epochs=40, val_interval=10)
custom_hooks = [
    {**_base_.ema, 'momentum': 0.005},
    dict(
        type='mmdel.ScoreContrastiveHook',
        loss=dict(
            type='mmdel.ScoreContrastiveLoss', num_classes=_base_.num_classes, embed_dims=width, intra_weight=0.1
        ),
        taps=_base_.taps,
        # From the first epoch and at weight 1, the contrast is learned before the events are, and at their cost.
        start_epoch=10,
        ramp_epochs=10,
    ),
]
