# THUMOS14 (Idrees et al. 2017) with I3D features of rgb and flow, 2048 wide, at the videos' own frame rate, as in
# ActionFormer's archive. Trained on its validation videos, tested on its test videos, as everywhere.
_base_ = ['../loaders.py']

num_classes = 20
data_root = '{{$MMDEL_THUMOS14_ROOT:data/thumos14}}'

visual = dict(root=data_root + '/i3d_features', files=['{id}.npy'], stride=4, window=16, fps=None, channels=2048)
# VGGish's own steps of 0.96 s, in hops of 10 ms; for a config with sound.
audio = dict(
    root=data_root + '/vggish_features', files=['{id}_vggish.npy'], stride=96, window=96, fps=100, channels=128
)

dataset = dict(
    ann_file=data_root + '/annotations/thumos14.json',
    num_classes=num_classes,
    ignore_labels=['Ambiguous'],  # in OpenTAD's file; ActionFormer's has left these events out
    streams=dict(visual=visual),
    feature_help='THUMOS14: see docs/datasets.md for the annotations and features, and put or link them there, or set '
    'MMDEL_THUMOS14_ROOT.',
)
crop = dict(type='mmdel.RandomTemporalCrop', max_len=2304, crop_ratio=(0.9, 1.0), trunc_thresh=0.5)
train_dataloader = dict(
    batch_size=2,
    batch_sampler=dict(type='mmdel.LengthBatchSampler'),  # videos of 15 seconds to half an hour
    dataset=dict(**dataset, subset='validation', pipeline=[*_base_.load, crop, _base_.pack]),
)
val_dataloader = test_dataloader = dict(dataset=dict(**dataset, subset='test'))
val_evaluator = test_evaluator = dict(protocol='thumos14')
auto_scale_lr = dict(base_batch_size=2)
