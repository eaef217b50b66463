# UnAV-100 (Geng et al. 2023, arXiv 2303.12930) with I3D rgb + flow and VGGish features.
_base_ = ['../loaders.py']

num_classes = 100
data_root = '{{$MMDEL_UNAV100_ROOT:data/unav100}}'
feature_root = data_root + '/av_features'

visual = dict(root=feature_root, files=['{id}_rgb.npy', '{id}_flow.npy'], stride=8, window=24, fps=25, channels=2048)
# One VGGish step every 0.32 s, as many as the visual ones, each over 0.96 s of sound: in hops of 10 ms.
audio = dict(root=feature_root, files=['{id}_vggish.npy'], stride=32, window=96, fps=100, channels=128)

dataset = dict(
    ann_file=data_root + '/annotations/unav100_annotations.json',
    num_classes=num_classes,
    streams=dict(visual=visual, audio=audio),
    feature_help='UnAV-100: get the annotations and the features (I3D rgb and flow, VGGish) from '
    'https://unav100.github.io and put or link them there, or set MMDEL_UNAV100_ROOT.',
)
crop = dict(type='mmdel.RandomTemporalCrop', max_len=224, crop_ratio=(0.9, 1.0), trunc_thresh=0.5)
train_dataloader = dict(
    batch_size=16, dataset=dict(**dataset, subset='train', pipeline=[*_base_.load, crop, _base_.pack])
)
val_dataloader = dict(dataset=dict(**dataset, subset='validation'))
test_dataloader = dict(dataset=dict(**dataset, subset='test'))
val_evaluator = test_evaluator = dict(protocol='unav100')
auto_scale_lr = dict(base_batch_size=16)

# What goes with the data in models that were made for others.
for_backbone = dict(in_channels=dict(visual=2048, audio=128), streams=['visual', 'audio'])
for_head = dict(num_classes=num_classes, nms=dict(sigma=0.4, max_num=100), normalizer_init=250)
