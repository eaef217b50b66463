# ActionFormer on UnAV-100 with both streams concatenated. The settings that go with the data are those of UnAV (Geng et
# al. 2023): attention over all of a short video, position code, normalizer, NMS, schedule. The others are its own.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/schedule.py',
    '_base_/datasets/unav100.py',
    '_base_/models/actionformer.py',
]

model = dict(
    backbone=dict(in_channels=dict(visual=2048, audio=128), attn_window=-1, use_abs_pe=True),
    head=dict(num_classes=_base_.num_classes, nms=dict(sigma=0.4, max_num=100), normalizer_init=250),
)
