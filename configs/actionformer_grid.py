# ActionFormer on GRID-streams with both streams concatenated, at the size and schedule of DEL there.
_base_ = ['_base_/schedule_grid.py', '_base_/datasets/grid.py', '_base_/models/actionformer.py']

model = dict(
    data_preprocessor=dict(pad_size_divisor=64),
    backbone=dict(**_base_.for_backbone, block=dict(dropout=0.3)),
    head=_base_.for_head,
)
