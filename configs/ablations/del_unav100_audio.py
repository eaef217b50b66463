# The audio stream alone.
_base_ = ['../del_unav100.py']

model = dict(backbone=dict(streams=['audio']))
default_hooks = dict(contrast=dict(taps=dict(visual=None, cls_visual=None)))
train_dataloader = val_dataloader = test_dataloader = dict(
    dataset=dict(streams=dict(_delete_=True, audio=_base_.audio))
)
