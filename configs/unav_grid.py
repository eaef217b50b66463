# UnAV's detector on GRID-streams, at the size and schedule of DEL there, with the regression and the windows that its
# long streams of short events ask for.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/schedule_small.py',
    '_base_/datasets/grid.py',
    '_base_/models/unav.py',
]

width, window = 128, 19
model = dict(
    backbone=dict(in_channels=dict(visual=64, audio=64), embed_dims=width, attn_window=window, dropout=0.1),
    neck=dict(in_channels=2 * width, num_classes=_base_.num_classes, feat_channels=16, attn_window=window, dropout=0.1),
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
custom_hooks = [{**_base_.ema, 'momentum': 0.005}]
