# A small BMN on the demo data, which are made on first use: proposals, scored by their recall and by an mAP without
# classes.
_base_ = ['_base_/schedule_localizer.py', '_base_/datasets/demo.py', '_base_/models/bmn.py']

# Half a second or less a step: no proposal overlaps an event of few steps by the 0.9 that BMN calls a hit.
length = 128
model = dict(
    localizer=dict(
        feat_dim=208, temporal_dim=length, num_samples=4, hidden_dim_1d=64, hidden_dim_2d=16, hidden_dim_3d=32
    )
)
resized = [*_base_.load, dict(type='mmdel.ResizeStreams', length=length)]
train_dataloader = dict(batch_size=8, dataset=dict(pipeline=[*resized, _base_.pack]))
val_dataloader = test_dataloader = dict(dataset=dict(pipeline=[*resized, _base_.pack]))
val_evaluator = test_evaluator = dict(recall=True, class_agnostic=True)
auto_scale_lr = dict(base_batch_size=8)
