# ActionFormer on THUMOS14 with I3D features, as published: no class scores from outside.
_base_ = ['_base_/schedule.py', '_base_/datasets/thumos14.py', '_base_/models/actionformer.py']

train_cfg = dict(max_epochs=35)
optim_wrapper = dict(optimizer=dict(weight_decay=0.05))
