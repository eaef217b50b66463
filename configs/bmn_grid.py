# BMN at half its width on GRID-streams: proposals, scored by their recall and by an mAP without classes. A step of 100
# is 0.35 s of a stream, longer than most words: what it can find are commands and sounds.
_base_ = ['_base_/schedule_localizer.py', '_base_/datasets/grid.py', '_base_/models/bmn.py']

model = dict(localizer=dict(feat_dim=128, hidden_dim_1d=128, hidden_dim_2d=64, hidden_dim_3d=128))
pipeline = [*_base_.load, dict(type='mmdel.ResizeStreams', length=100), _base_.pack]
train_dataloader = dict(batch_size=8, dataset=dict(filter_empty=True, pipeline=pipeline))
val_dataloader = test_dataloader = dict(dataset=dict(pipeline=pipeline))
val_evaluator = test_evaluator = dict(recall=True, class_agnostic=True)
auto_scale_lr = dict(base_batch_size=8)
