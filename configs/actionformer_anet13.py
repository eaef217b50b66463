# ActionFormer on ActivityNet-1.3 with TSP features, as published: events of one class take the best two classes that
# their video has from outside.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/schedule.py',
    '_base_/datasets/anet13.py',
    '_base_/models/actionformer.py',
]

width = 256
model = dict(
    backbone=dict(in_channels=dict(visual=512), embed_dims=width, attn_window=[7, 7, 7, 7, 7, -1], use_abs_pe=True),
    neck=dict(in_channels=width),
    head=dict(
        num_classes=1,
        in_channels=width,
        feat_channels=width,
        loss_cls=dict(type='mmdel.SigmoidFocalLoss', label_smoothing=0.1),
        loss_reg=dict(type='mmdel.DIoULoss', loss_weight=2.0),
        nms=dict(sigma=0.75, max_num=100, class_aware=False, voting_threshold=0.9),
        normalizer_init=200,
        min_length=0.001,
        video_score_topk=2,
    ),
)
train_cfg = dict(max_epochs=15)
optim_wrapper = dict(optimizer=dict(lr=1e-3, weight_decay=0.05))
