# ActionFormer on the verbs of EPIC-Kitchens-100 with SlowFast features, as published.
_base_ = ['_base_/schedule.py', '_base_/datasets/epic100.py', '_base_/models/actionformer.py']

model = dict(backbone=dict(in_channels=dict(visual=2304), block=dict(window=9)), head=_base_.for_head)
train_cfg = dict(max_epochs=21)
optim_wrapper = dict(optimizer=dict(weight_decay=0.05))
