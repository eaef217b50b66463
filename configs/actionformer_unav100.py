# ActionFormer on UnAV-100 with both streams concatenated. The settings that go with the data are those of UnAV (Geng et
# al. 2023): attention over all of a short video, position code, normalizer, NMS, schedule. The others are its own.
_base_ = ['_base_/schedule.py', '_base_/datasets/unav100.py', '_base_/models/actionformer.py']

model = dict(backbone=dict(**_base_.for_backbone, block=dict(window=None), use_abs_pe=True), head=_base_.for_head)
