# DEL on ActivityNet-1.3, with sound: events of any class, to which the class scores of whole videos give their classes.
# del_anet13_visual.py does without sound.
_base_ = ['_base_/schedule.py', '_base_/datasets/anet13.py', '_base_/models/del.py']

model = dict(
    backbone=dict(in_channels=dict(visual=512), align=dict(window_intra=7), attn_window=7),
    neck=dict(attn_window=7),
    head=dict(**_base_.for_head, class_aware=False, assigner=dict(center_sampling_radius=1.5)),
)
default_hooks = dict(
    contrast=dict(type='mmdel.ScoreContrastiveHook', loss=dict(type='mmdel.ScoreContrastiveLoss'), taps=_base_.taps)
)
train_dataloader = val_dataloader = test_dataloader = dict(dataset=dict(streams=dict(audio=_base_.audio)))
train_cfg = dict(max_epochs=15)
optim_wrapper = dict(optimizer=dict(lr=1e-3, weight_decay=0.05))
