# A small DEL on the demo data, which are made on first use: minutes of training on two CPU cores.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/schedule_small.py',
    '_base_/datasets/demo.py',
    '_base_/models/del.py',
]

width = 64
model = dict(
    backbone=dict(in_channels=dict(visual=144, audio=64), embed_dims=width, attn_window=19),
    neck=dict(in_channels=width, num_blocks=1, attn_window=19),
    head=dict(num_classes=_base_.num_classes, in_channels=2 * width, feat_channels=width),
)
custom_hooks = [
    *_base_.custom_hooks,
    dict(
        type='mmdel.ScoreContrastiveHook',
        loss=dict(
            type='mmdel.ScoreContrastiveLoss', num_classes=_base_.num_classes, embed_dims=width, intra_weight=0.1
        ),
        taps=_base_.taps,
        start_epoch=5,
        ramp_epochs=5,
    ),
]
