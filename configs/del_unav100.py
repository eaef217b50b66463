# DEL on UnAV-100, as published: event-aligned attention, contrastive loss, path aggregation neck.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/schedule.py',
    '_base_/datasets/unav100.py',
    '_base_/models/del.py',
]

custom_hooks = [
    _base_.ema,
    dict(
        type='mmdel.ScoreContrastiveHook',
        loss=dict(type='mmdel.ScoreContrastiveLoss', num_classes=_base_.num_classes, embed_dims=512),
        taps=_base_.taps,
    ),
]
