# DEL on the verbs of EPIC-Kitchens-100, with sound. del_epic100_verb_visual.py does without.
_base_ = ['_base_/schedule.py', '_base_/datasets/epic100.py', '_base_/models/del.py']

window = 9
model = dict(
    backbone=dict(in_channels=dict(visual=2304), align=dict(window_intra=window), attn_window=window),
    neck=dict(attn_window=window),
    head=dict(**_base_.for_head, class_aware=False, assigner=dict(center_sampling_radius=1.5)),
)
default_hooks = dict(
    contrast=dict(type='mmdel.ScoreContrastiveHook', loss=dict(type='mmdel.ScoreContrastiveLoss'), taps=_base_.taps)
)
with_sound = dict(streams=dict(audio=_base_.audio))
train_dataloader = dict(batch_size=3, dataset=with_sound)
val_dataloader = test_dataloader = dict(dataset=with_sound)
train_cfg = dict(max_epochs=55)
optim_wrapper = dict(optimizer=dict(weight_decay=0.05))
auto_scale_lr = dict(base_batch_size=3)
