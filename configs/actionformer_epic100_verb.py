# ActionFormer on the verbs of EPIC-Kitchens-100 with SlowFast features, as published.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/schedule.py',
    '_base_/datasets/epic100_verb.py',
    '_base_/models/actionformer.py',
]

model = dict(
    backbone=dict(in_channels=dict(visual=2304), attn_window=9),
    head=dict(
        num_classes=_base_.num_classes,
        point_generator=dict(regress_ranges=[(0, 4), (2, 8), (4, 16), (8, 32), (16, 64), (32, 10000)]),
        nms=dict(sigma=0.4, max_num=2000),
        normalizer_init=250,
        pre_nms_num=5000,
    ),
)
train_cfg = dict(max_epochs=21)
optim_wrapper = dict(optimizer=dict(weight_decay=0.05))
