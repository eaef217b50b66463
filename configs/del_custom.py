# Your own data: copy this file and change what stands before the second line of dashes; docs/datasets.md explains it.
_base_ = ['_base_/schedule.py', '_base_/loaders.py', '_base_/models/del.py']
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
pieces = True  # an epoch sees all pieces of each video; False = one piece, anywhere
window = 19  # steps that attention sees, an odd number; None = all, for at most a few hundred steps
# ---------------------------------------------------------------------------------------------------------------------

dataset = dict(num_classes=num_classes, streams=dict(visual=visual, audio=audio), **annotations)
crop = dict(type='mmdel.RandomTemporalCrop', max_len=max_len, crop_ratio=(0.9, 1.0), trunc_thresh=0.5)
train_dataloader = dict(
    batch_size=4,
    dataset=dict(**dataset, subset=train_subset, pieces=pieces, pipeline=[*_base_.load, crop, _base_.pack]),
)
val_dataloader = dict(dataset=dict(**dataset, subset=val_subset))
test_dataloader = dict(dataset=dict(**dataset, subset=test_subset))
val_evaluator = test_evaluator = dict(tious=[0.3, 0.5, 0.7])

model = dict(
    backbone=dict(
        in_channels=dict(visual=visual['channels'], audio=audio['channels']),
        embed_dims=256,
        align=dict(window_intra=window),
        attn_window=window,
    ),
    neck=dict(attn_window=window),
    head=dict(num_classes=num_classes, feat_channels=256),
)
default_hooks = dict(
    contrast=dict(type='mmdel.ScoreContrastiveHook', loss=dict(type='mmdel.ScoreContrastiveLoss'), taps=_base_.taps)
)
train_cfg = dict(max_epochs=45)
optim_wrapper = dict(optimizer=dict(lr=1e-4, weight_decay=0.05))
auto_scale_lr = dict(base_batch_size=4)
