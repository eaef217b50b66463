# TriDet on UnAV-100 with both streams concatenated; normalizer, NMS and schedule are UnAV's (Geng et al. 2023).
_base_ = [
    '_base_/default_runtime.py',
    '_base_/schedule.py',
    '_base_/datasets/unav100.py',
    '_base_/models/tridet.py',
]

model = dict(
    backbone=dict(in_channels=dict(visual=2048, audio=128)),
    head=dict(num_classes=_base_.num_classes, nms=dict(sigma=0.4, max_num=100), normalizer_init=250),
)
