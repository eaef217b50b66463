# TriDet on GRID-streams with both streams concatenated, at the size and schedule of DEL there.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/schedule_small.py',
    '_base_/datasets/grid.py',
    '_base_/models/tridet.py',
]

width = 128
model = dict(
    backbone=dict(in_channels=dict(visual=64, audio=64), embed_dims=width),
    neck=dict(in_channels=width),
    head=dict(
        num_classes=_base_.num_classes,
        in_channels=width,
        feat_channels=width,
        nms=dict(sigma=0.4, max_num=300),
    ),
)
train_cfg = dict(max_epochs=40, val_interval=10)
custom_hooks = [{**_base_.ema, 'momentum': 0.005}]
