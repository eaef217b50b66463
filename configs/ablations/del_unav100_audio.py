# The audio stream alone.
_base_ = ['../del_unav100.py']

model = dict(backbone=dict(in_channels=dict(_delete_=True, audio=128)), head=dict(in_channels=512))
custom_hooks = [
    _base_.ema,
    {
        **_base_.custom_hooks[1],
        'taps': dict(audio='backbone.align.out.audio', cls_audio='backbone.align.cls_out.audio'),
    },
]

load = [dict(type='mmdel.LoadFeatures'), dict(type='mmdel.AlignStreams', reference='audio')]
train_pipeline = [*load, *_base_.train_pipeline[2:]]
test_pipeline = [*load, *_base_.test_pipeline[2:]]
train_dataloader = dict(dataset=dict(streams=dict(_delete_=True, audio=_base_.audio), pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(streams=dict(_delete_=True, audio=_base_.audio), pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(streams=dict(_delete_=True, audio=_base_.audio), pipeline=test_pipeline))
