# DEL on THUMOS14, with sound. del_thumos14_visual.py does without.
_base_ = ['_base_/schedule.py', '_base_/datasets/thumos14.py', '_base_/models/del.py']

window = 19
model = dict(
    backbone=dict(align=dict(window_intra=window), attn_window=window),
    neck=dict(attn_window=window),
    head=dict(
        num_classes=_base_.num_classes,
        class_aware=False,
        assigner=dict(center_sampling_radius=1.5),
        nms=dict(sigma=0.5, max_num=200),
    ),
)
default_hooks = dict(
    contrast=dict(type='mmdel.ScoreContrastiveHook', loss=dict(type='mmdel.ScoreContrastiveLoss'), taps=_base_.taps)
)
train_dataloader = val_dataloader = test_dataloader = dict(dataset=dict(streams=dict(audio=_base_.audio)))
train_cfg = dict(max_epochs=35)
optim_wrapper = dict(optimizer=dict(weight_decay=0.05))
