# The visual stream alone.
_base_ = ['del_epic100_noun.py']

model = dict(backbone=dict(in_channels=dict(_delete_=True, visual=2304)), head=dict(in_channels=512))
custom_hooks = [
    _base_.ema,
    {
        **_base_.custom_hooks[1],
        'taps': dict(visual='backbone.align.out.visual', cls_visual='backbone.align.cls_out.visual'),
    },
]

train_dataloader = dict(dataset=dict(streams=dict(_delete_=True, visual=_base_.visual)))
val_dataloader = dict(dataset=dict(streams=dict(_delete_=True, visual=_base_.visual)))
test_dataloader = dict(dataset=dict(streams=dict(_delete_=True, visual=_base_.visual)))
