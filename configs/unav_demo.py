# A small detector of UnAV's kind on the demo data, which are made on first use: minutes of training on two CPU cores.
_base_ = ['_base_/schedule_small.py', '_base_/datasets/demo.py', '_base_/models/unav.py']

model = dict(
    backbone=dict(**_base_.for_backbone, attn_window=19),
    neck=dict(feat_channels=16, attn_window=19, with_cp=False),
    head=_base_.for_head,
)
