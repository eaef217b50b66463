# BMN on UnAV-100, both streams concatenated: proposals, scored by their recall and by an mAP without classes.
_base_ = ['_base_/schedule_localizer.py', '_base_/datasets/unav100.py', '_base_/models/bmn.py']

pipeline = [*_base_.load, dict(type='mmdel.ResizeStreams', length=100), _base_.pack]
train_dataloader = val_dataloader = test_dataloader = dict(dataset=dict(pipeline=pipeline))
val_evaluator = test_evaluator = dict(recall=True, class_agnostic=True)
