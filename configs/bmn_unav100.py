# BMN on UnAV-100, both streams concatenated: proposals, scored by their recall and by an mAP without classes.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/schedule_localizer.py',
    '_base_/datasets/unav100.py',
    '_base_/models/bmn.py',
]

train_pipeline = [
    *_base_.load,
    dict(type='mmdel.ResizeStreams', length=100),
    dict(type='mmdel.PackEvents'),
]
test_pipeline = train_pipeline
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
val_evaluator = dict(recall=True, class_agnostic=True)
test_evaluator = val_evaluator
