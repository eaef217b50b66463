# BMN on ActivityNet-1.3: its proposals with the two best classes of their video, as usual there.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/schedule_localizer.py',
    '_base_/datasets/anet13.py',
    '_base_/models/bmn.py',
]

model = dict(localizer=dict(feat_dim=512), video_score_topk=2)
load = [
    dict(type='mmdel.LoadFeatures'),
    dict(type='mmdel.AlignStreams', reference='visual'),
    dict(type='mmdel.ResizeStreams', length=100),
]
train_pipeline = [*load, dict(type='mmdel.PackEvents')]
test_pipeline = [
    *load,
    dict(type='mmdel.LoadVideoScores', score_file=_base_.data_root + '/annotations/video_scores.json'),
    dict(type='mmdel.PackEvents'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
val_evaluator = dict(recall=True)
test_evaluator = val_evaluator
