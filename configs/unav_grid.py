# UnAV's detector on GRID-streams, at the size and schedule of DEL there, with the regression and the windows that its
# long streams of short events ask for.
_base_ = ['_base_/schedule_grid.py', '_base_/datasets/grid.py', '_base_/models/unav.py']

model = dict(
    data_preprocessor=dict(pad_size_divisor=64),
    backbone=dict(**_base_.for_backbone, attn_window=19, dropout=0.3),
    neck=dict(feat_channels=16, attn_window=19, dropout=0.3, with_cp=False),
    head=dict(**_base_.for_head, class_aware=False, assigner=dict(center_sampling_radius=1.5)),
)
