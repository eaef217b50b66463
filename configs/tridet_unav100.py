# TriDet on UnAV-100 with both streams concatenated; normalizer, NMS and schedule are UnAV's (Geng et al. 2023).
_base_ = ['_base_/schedule.py', '_base_/datasets/unav100.py', '_base_/models/tridet.py']

model = dict(backbone=_base_.for_backbone, head=_base_.for_head)
