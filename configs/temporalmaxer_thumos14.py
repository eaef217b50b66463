# TemporalMaxer on THUMOS14 with I3D features.
_base_ = ['_base_/schedule.py', '_base_/datasets/thumos14.py', '_base_/models/temporalmaxer.py']

train_cfg = dict(max_epochs=65)
optim_wrapper = dict(optimizer=dict(weight_decay=0.05))
