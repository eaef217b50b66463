# The visual stream alone.
_base_ = ['del_anet13.py']

model = dict(backbone=dict(streams=['visual']))
default_hooks = dict(contrast=dict(taps=dict(audio=None, cls_audio=None)))
train_dataloader = val_dataloader = test_dataloader = dict(
    dataset=dict(streams=dict(_delete_=True, visual=_base_.visual))
)
