# ActivityNet-1.3 (Heilbron et al. 2015) with TSP features (Alwassel et al. 2021), each video resized to 192 steps, and
# class scores of whole videos from outside, as in ActionFormer.
_base_ = ['../loaders.py']

num_classes = 200
data_root = '{{$MMDEL_ANET13_ROOT:data/anet13}}'

visual = dict(root=data_root + '/tsp_features', files=['v_{id}.npy'], stride=16, window=16, fps=15, channels=512)
# VGGish's own steps of 0.96 s, in hops of 10 ms; for a config with sound.
audio = dict(
    root=data_root + '/vggish_features', files=['{id}_vggish.npy'], stride=96, window=96, fps=100, channels=128
)

dataset = dict(
    ann_file=data_root + '/annotations/anet1.3_tsp_filtered.json',
    num_classes=num_classes,
    streams=dict(visual=visual),
    feature_help='ActivityNet-1.3: see docs/datasets.md for the annotations and features, and put or link them there, '
    'or set MMDEL_ANET13_ROOT.',
)
resized = [*_base_.load, dict(type='mmdel.ResizeStreams', length=192)]
crop = dict(type='mmdel.RandomTemporalCrop', max_len=192, crop_ratio=(0.9, 1.0), trunc_thresh=0.5)
video_scores = dict(type='mmdel.LoadVideoScores', score_file=data_root + '/annotations/video_scores.json')
train_dataloader = dict(
    batch_size=16, dataset=dict(**dataset, subset='training', pipeline=[*resized, crop, _base_.pack])
)
val_dataloader = test_dataloader = dict(
    dataset=dict(**dataset, subset='validation', pipeline=[*resized, video_scores, _base_.pack])
)
val_evaluator = test_evaluator = dict(protocol='anet')
auto_scale_lr = dict(base_batch_size=16)

# Events of any class, which take the best two classes that their video has from outside.
for_head = dict(
    num_classes=1,
    feat_channels=256,
    loss_cls=dict(type='mmdel.SigmoidFocalLoss', label_smoothing=0.1),
    loss_reg=dict(type='mmdel.DIoULoss', loss_weight=2.0),
    min_length=0.001,
    nms=dict(sigma=0.75, max_num=100, voting_threshold=0.9),
    normalizer_init=200,
    video_score_topk=2,
)
