# A small detector of UnAV's kind on the demo data, which are made on first use: minutes of training on two CPU cores.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/schedule_small.py',
    '_base_/datasets/demo.py',
    '_base_/models/unav.py',
]

width = 64
model = dict(
    backbone=dict(in_channels=dict(visual=144, audio=64), embed_dims=width, attn_window=19),
    neck=dict(in_channels=2 * width, num_classes=_base_.num_classes, feat_channels=16, attn_window=19),
    head=dict(num_classes=_base_.num_classes, in_channels=2 * width, feat_channels=width),
)
