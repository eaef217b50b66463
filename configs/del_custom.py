# Your own data: copy this file and change what stands before the second line of dashes; docs/datasets.md explains it.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/schedule.py',
    '_base_/models/del.py',
]
# ---------------------------------------------------------------------------------------------------------------------
num_classes = 5
data_root = 'data/mine'

# A step t stands for frames [t * stride, t * stride + window) at fps, or for sound, hops; fps=None is the video's own,
# by the annotations. Several files are concatenated on the channels, of which there are `channels` in all.
visual = dict(root=data_root + '/features', files=['{id}_clip.npy'], stride=8, window=16, fps=None, channels=768)
audio = dict(root=data_root + '/features', files=['{id}_vggish.npy'], stride=96, window=96, fps=100, channels=128)

annotations = dict(ann_file=data_root + '/annotations.json')
train_subset, val_subset, test_subset = 'train', 'val', 'test'
max_len = 512  # steps of the longest piece to train on
window = 19  # steps that attention sees, an odd number; -1 = all, for at most a few hundred steps
# ---------------------------------------------------------------------------------------------------------------------

dataset = dict(
    type='mmdel.EventDataset', num_classes=num_classes, streams=dict(visual=visual, audio=audio), **annotations
)
load = [dict(type='mmdel.LoadFeatures'), dict(type='mmdel.AlignStreams', reference='visual')]
train_pipeline = [
    *load,
    dict(type='mmdel.RandomTemporalCrop', max_len=max_len, crop_ratio=(0.9, 1.0), trunc_thresh=0.5),
    dict(type='mmdel.PackEvents'),
]
test_pipeline = [*load, dict(type='mmdel.PackEvents')]
train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='mmengine.DefaultSampler', shuffle=True),
    dataset=dict(**dataset, subset=train_subset, filter_empty=True, pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='mmengine.DefaultSampler', shuffle=False),
    dataset=dict(**dataset, subset=val_subset, test_mode=True, pipeline=test_pipeline),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='mmengine.DefaultSampler', shuffle=False),
    dataset=dict(**dataset, subset=test_subset, test_mode=True, pipeline=test_pipeline),
)
val_evaluator = dict(type='mmdel.EventMAP', tious=[0.3, 0.5, 0.7])
test_evaluator = val_evaluator

model = dict(
    backbone=dict(
        in_channels=dict(visual=visual['channels'], audio=audio['channels']),
        embed_dims=256,
        align=dict(window_intra=None if window == -1 else window),
        attn_window=window,
    ),
    neck=dict(in_channels=256, attn_window=window),
    head=dict(num_classes=num_classes, in_channels=512, feat_channels=256),
)
custom_hooks = [
    _base_.ema,
    dict(
        type='mmdel.ScoreContrastiveHook',
        loss=dict(type='mmdel.ScoreContrastiveLoss', num_classes=num_classes, embed_dims=256, intra_weight=0.1),
        taps=_base_.taps,
        # The events first, then the contrast: see docs/benchmarks.md.
        start_epoch=10,
        ramp_epochs=10,
    ),
]
train_cfg = dict(max_epochs=45)
optim_wrapper = dict(optimizer=dict(lr=1e-4, weight_decay=0.05))
auto_scale_lr = dict(enable=False, base_batch_size=4)
