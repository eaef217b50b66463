# BMN at half its width on GRID-streams: proposals, scored by their recall and by an mAP without classes. A step of 100
# is 0.35 s of a stream, longer than most words: what it can find are commands and sounds.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/schedule_localizer.py',
    '_base_/datasets/grid.py',
    '_base_/models/bmn.py',
]

model = dict(localizer=dict(feat_dim=128, hidden_dim_1d=128, hidden_dim_2d=64, hidden_dim_3d=128))
train_pipeline = [
    *_base_.load,
    dict(type='mmdel.ResizeStreams', length=100),
    dict(type='mmdel.PackEvents'),
]
test_pipeline = train_pipeline
train_dataloader = dict(batch_size=8, dataset=dict(filter_empty=True, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
val_evaluator = dict(recall=True, class_agnostic=True)
test_evaluator = val_evaluator
auto_scale_lr = dict(base_batch_size=8)
