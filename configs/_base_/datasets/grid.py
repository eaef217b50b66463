# GRID-streams: dense speech, commands and sounds at 25 steps a second. The root is read from MMDEL_GRID_ROOT, the
# subset that tools/test.py scores from MMDEL_GRID_TEST.
_base_ = ['../loaders.py']

num_classes = 66
data_root = '{{$MMDEL_GRID_ROOT:data/grid_streams}}'
test_subset = '{{$MMDEL_GRID_TEST:val}}'
feature_root = data_root + '/av_features'

visual = dict(root=feature_root, files=['{id}_rgb.npy'], stride=1, window=1, fps=25, channels=64)
audio = dict(root=feature_root, files=['{id}_vggish.npy'], stride=1, window=1, fps=25, channels=64)

dataset = dict(
    ann_file=data_root + '/annotations.json',
    num_classes=num_classes,
    streams=dict(visual=visual, audio=audio),
    feature_help='GRID-streams: set MMDEL_GRID_ROOT to the folder that holds annotations.json and av_features/.',
)
crop = dict(type='mmdel.RandomTemporalCrop', max_len=1024, crop_ratio=(0.6, 1.0), trunc_thresh=0.5)
# Its few recordings are soon known by heart: other speeds and noise keep a detector learning.
augment = [
    dict(type='mmdel.RandomSpeed', shortest=0.75, longest=1.33),
    dict(type='mmdel.RandomNoise', max_share=0.8),
]
in_process = dict(num_workers=0, persistent_workers=False)
train_dataloader = dict(
    **in_process,
    batch_size=2,
    dataset=dict(**dataset, subset='train', filter_empty=False, pipeline=[*_base_.load, crop, *augment, _base_.pack]),
)
val_dataloader = dict(**in_process, batch_size=4, dataset=dict(**dataset, subset='val'))
test_dataloader = dict(**in_process, batch_size=4, dataset=dict(**dataset, subset=test_subset))
val_evaluator = test_evaluator = dict(protocol='grid')
auto_scale_lr = dict(base_batch_size=2)

# The size of the detectors here, and what goes with the data.
for_backbone = dict(in_channels=dict(visual=64, audio=64), streams=['visual', 'audio'], embed_dims=128)
for_head = dict(num_classes=num_classes, feat_channels=128, nms=dict(sigma=0.4, max_num=300))
