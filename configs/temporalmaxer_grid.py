# TemporalMaxer on GRID-streams with both streams concatenated, at the size and schedule of DEL there.
_base_ = ['_base_/schedule_grid.py', '_base_/datasets/grid.py', '_base_/models/temporalmaxer.py']

model = dict(data_preprocessor=dict(pad_size_divisor=64), backbone=_base_.for_backbone, head=_base_.for_head)
