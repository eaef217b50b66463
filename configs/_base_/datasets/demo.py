# The demo data, which are made on first use. A template for other data too: name their annotations and features, and
# leave out type='mmdel.DemoEventDataset'.
_base_ = ['../loaders.py']

num_classes = 10
data_root = '{{$MMDEL_DEMO_ROOT:data/demo}}'
feature_root = data_root + '/av_features'

# Colour, contrast and motion in 3 by 4 cells of the picture, a step every 0.25 s over 0.5 s.
visual = dict(root=feature_root, files=['{id}_video.npy'], stride=2, window=4, fps=8, channels=144)
# Mean and deviation of 32 mel bands, a step every 0.2 s over 0.33 s, in samples.
audio = dict(root=feature_root, files=['{id}_audio.npy'], stride=1600, window=2656, fps=8000, channels=64)

dataset = dict(
    type='mmdel.DemoEventDataset', ann_file=data_root + '/annotations.json', streams=dict(visual=visual, audio=audio)
)
crop = dict(type='mmdel.RandomTemporalCrop', max_len=256, crop_ratio=(0.9, 1.0), trunc_thresh=0.5)
in_process = dict(num_workers=0, persistent_workers=False)
train_dataloader = dict(
    **in_process, batch_size=4, dataset=dict(**dataset, subset='train', pipeline=[*_base_.load, crop, _base_.pack])
)
val_dataloader = test_dataloader = dict(**in_process, dataset=dict(**dataset, subset='test'))
val_evaluator = test_evaluator = dict(protocol='unav100')
auto_scale_lr = dict(base_batch_size=4)

# The size of the detectors here, and what goes with the data.
for_backbone = dict(in_channels=dict(visual=144, audio=64), streams=['visual', 'audio'], embed_dims=64)
for_head = dict(num_classes=num_classes, feat_channels=64, nms=dict(max_num=100))
