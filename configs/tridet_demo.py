# A small TriDet on the demo data, which are made on first use: minutes of training on two CPU cores.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/schedule_small.py',
    '_base_/datasets/demo.py',
    '_base_/models/tridet.py',
]

width = 64
model = dict(
    backbone=dict(in_channels=dict(visual=144, audio=64), embed_dims=width),
    neck=dict(in_channels=width),
    head=dict(num_classes=_base_.num_classes, in_channels=width, feat_channels=width, nms=dict(max_num=100)),
)
