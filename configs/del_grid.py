# DEL on GRID-streams, without the contrast, which costs more than it gives here: ablations/del_grid_scl.py has it.
_base_ = ['_base_/schedule_grid.py', '_base_/datasets/grid.py', '_base_/models/del.py']

window, dropout = 19, 0.3
model = dict(
    data_preprocessor=dict(pad_size_divisor=64),
    backbone=dict(
        **_base_.for_backbone, align=dict(window_intra=window), attn_window=window, dropout=dropout, drop_path=0.2
    ),
    neck=dict(attn_window=window, dropout=dropout),
    head=dict(**_base_.for_head, class_aware=False, assigner=dict(center_sampling_radius=1.5)),
)
