# DEL on GRID-streams. Its few recordings are soon known by heart: other speeds, noise and dropout keep it learning.
# Without the contrast, which costs more than it gives here: ablations/del_grid_scl.py has it.
_base_ = ['_base_/schedule_grid.py', '_base_/datasets/grid.py', '_base_/models/del.py']

window, dropout = 19, 0.3
augment = [
    dict(type='mmdel.RandomSpeed', shortest=0.75, longest=1.33),
    dict(type='mmdel.RandomNoise', max_share=0.8),
]
model = dict(
    backbone=dict(**_base_.for_backbone, align=dict(window_intra=window), attn_window=window, dropout=dropout),
    neck=dict(attn_window=window, dropout=dropout),
    head=dict(**_base_.for_head, class_aware=False, assigner=dict(center_sampling_radius=1.5)),
)
train_dataloader = dict(dataset=dict(pipeline=[*_base_.load, _base_.crop, *augment, _base_.pack]))
train_cfg = dict(max_epochs=30)
