# DEL on the nouns of EPIC-Kitchens-100, with sound. del_epic100_noun_visual.py does without.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/schedule.py',
    '_base_/datasets/epic100_noun.py',
    '_base_/models/del.py',
]

window = 9
model = dict(
    backbone=dict(in_channels=dict(visual=2304), align=dict(window_intra=window), attn_window=window),
    neck=dict(guide='cross', attn_window=window),
    head=dict(
        num_classes=_base_.num_classes,
        class_aware=False,
        point_generator=dict(regress_ranges=[(0, 4), (2, 8), (4, 16), (8, 32), (16, 64), (32, 10000)]),
        assigner=dict(center_sampling_radius=1.5),
        normalizer_init=250,
        pre_nms_num=5000,
        nms=dict(sigma=0.4, max_num=2000),
    ),
)
custom_hooks = [
    _base_.ema,
    dict(
        type='mmdel.ScoreContrastiveHook',
        loss=dict(type='mmdel.ScoreContrastiveLoss', num_classes=_base_.num_classes, embed_dims=512),
        taps=_base_.taps,
    ),
]
train_dataloader = dict(batch_size=3, dataset=dict(streams=dict(audio=_base_.audio)))
val_dataloader = dict(dataset=dict(streams=dict(audio=_base_.audio)))
test_dataloader = dict(dataset=dict(streams=dict(audio=_base_.audio)))
train_cfg = dict(max_epochs=35)
optim_wrapper = dict(optimizer=dict(lr=1e-4, weight_decay=0.05))
auto_scale_lr = dict(base_batch_size=3)
