# GRID-streams: dense speech, commands and sounds at 25 steps a second. The root is read from MMDEL_GRID_ROOT, the
# subset that tools/test.py scores from MMDEL_GRID_TEST.
num_classes = 66
data_root = '{{$MMDEL_GRID_ROOT:data/grid_streams}}'
test_subset = '{{$MMDEL_GRID_TEST:val}}'
feature_root = data_root + '/av_features'

visual = dict(root=feature_root, files=['{id}_rgb.npy'], stride=1, window=1, fps=25, channels=64)
audio = dict(root=feature_root, files=['{id}_vggish.npy'], stride=1, window=1, fps=25, channels=64)

dataset = dict(
    type='mmdel.EventDataset',
    ann_file=data_root + '/annotations.json',
    num_classes=num_classes,
    streams=dict(visual=visual, audio=audio),
    feature_help='GRID-streams: set MMDEL_GRID_ROOT to the folder that holds annotations.json and av_features/.',
)
load = [dict(type='mmdel.LoadFeatures'), dict(type='mmdel.AlignStreams', reference='visual')]
train_pipeline = [
    *load,
    dict(type='mmdel.RandomTemporalCrop', max_len=1024, crop_ratio=(0.6, 1.0), trunc_thresh=0.5),
    dict(type='mmdel.PackEvents'),
]
test_pipeline = [*load, dict(type='mmdel.PackEvents')]

train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='mmengine.DefaultSampler', shuffle=True),
    dataset=dict(**dataset, subset='train', pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type='mmengine.DefaultSampler', shuffle=False),
    dataset=dict(**dataset, subset='val', test_mode=True, pipeline=test_pipeline),
)
test_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type='mmengine.DefaultSampler', shuffle=False),
    dataset=dict(**dataset, subset=test_subset, test_mode=True, pipeline=test_pipeline),
)
val_evaluator = dict(type='mmdel.EventMAP', protocol='grid')
test_evaluator = val_evaluator
auto_scale_lr = dict(enable=False, base_batch_size=2)
