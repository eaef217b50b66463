# The layout of del_unav100_authors.py at the demo's size.
_base_ = ['../_base_/schedule_small.py', '../_base_/datasets/demo.py', '../_base_/models/del_authors.py']

model = dict(
    backbone=dict(**_base_.for_backbone, max_steps=256),
    head=_base_.for_head,
    test_cfg=dict(window=256),
)
optim_wrapper = dict(clip_grad=dict(max_norm=6.0))
default_hooks = dict(contrast=_base_.contrast)
