# A small ActionFormer on the demo data, which are made on first use: minutes of training on two CPU cores.
_base_ = ['_base_/schedule_small.py', '_base_/datasets/demo.py', '_base_/models/actionformer.py']

model = dict(backbone=_base_.for_backbone, head=_base_.for_head)
