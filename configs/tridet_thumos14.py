# TriDet on THUMOS14 with I3D features, as published: as long a warm-up as what follows it, and SGP layers that start at
# zero. They stay there, see mmdel.models.layers.sgp; with another init_std they learn.
_base_ = ['_base_/schedule.py', '_base_/datasets/thumos14.py', '_base_/models/tridet.py']

model = dict(backbone=dict(block=dict(init_std=0.0), stem_block=dict(init_std=0.0)))
train_cfg = dict(max_epochs=40)
optim_wrapper = dict(optimizer=dict(weight_decay=0.025))
param_scheduler = [
    dict(type='mmengine.LinearLR', start_factor=1e-3, end=20, convert_to_iter_based=True),
    dict(type='mmengine.CosineAnnealingLR', begin=20, eta_min=1e-8, convert_to_iter_based=True),
]
