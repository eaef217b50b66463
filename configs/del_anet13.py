# DEL on ActivityNet-1.3, with sound: events of any class, to which the class scores of whole videos give their classes.
# del_anet13_visual.py does without sound.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/schedule.py',
    '_base_/datasets/anet13.py',
    '_base_/models/del.py',
]

model = dict(
    backbone=dict(in_channels=dict(visual=512), align=dict(window_intra=7), attn_window=7),
    neck=dict(guide='cross', attn_window=[7, 7, 7, 7, 7, -1]),
    head=dict(
        num_classes=1,
        normalizer_init=200,
        class_aware=False,
        assigner=dict(center_sampling_radius=1.5),
        loss_cls=dict(type='mmdel.SigmoidFocalLoss', label_smoothing=0.1),
        nms=dict(sigma=0.75, max_num=100, voting_threshold=0.9),
        video_score_topk=2,
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
train_dataloader = dict(dataset=dict(streams=dict(audio=_base_.audio)))
val_dataloader = dict(dataset=dict(streams=dict(audio=_base_.audio)))
test_dataloader = dict(dataset=dict(streams=dict(audio=_base_.audio)))
train_cfg = dict(max_epochs=15)
optim_wrapper = dict(optimizer=dict(lr=1e-3, weight_decay=0.05))
