# BMN on ActivityNet-1.3: its proposals with the two best classes of their video, as usual there.
_base_ = ['_base_/schedule_localizer.py', '_base_/datasets/anet13.py', '_base_/models/bmn.py']

model = dict(streams=['visual'], localizer=dict(feat_dim=512), video_score_topk=2)
resized = [*_base_.load, dict(type='mmdel.ResizeStreams', length=100)]
train_dataloader = dict(dataset=dict(pipeline=[*resized, _base_.pack]))
val_dataloader = test_dataloader = dict(dataset=dict(pipeline=[*resized, _base_.video_scores, _base_.pack]))
val_evaluator = test_evaluator = dict(recall=True)
