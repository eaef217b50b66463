# MMAction2's own config of BMN for ActivityNet: its model, data set and pipeline, with DEL's contrastive loss added.
default_scope = 'mmaction'
custom_imports = dict(imports=['mmdel'], allow_failed_imports=False)
custom_hooks = [
    dict(
        type='mmdel.ScoreContrastiveHook',
        loss=dict(type='mmdel.ScoreContrastiveLoss', embed_dims=256),
        taps=dict(visual='x_1d_b'),
        layout='BDT',
        targets='gt_bbox',
    )
]

data_root = '{{$ACTIVITYNET_ROOT:data/ActivityNet}}'
model = dict(
    type='BMN',
    temporal_dim=100,
    boundary_ratio=0.5,
    num_samples=32,
    num_samples_per_bin=3,
    feat_dim=400,
    soft_nms_alpha=0.4,
    soft_nms_low_threshold=0.5,
    soft_nms_high_threshold=0.9,
    post_process_top_k=100,
)
train_dataloader = dict(
    batch_size=8,
    num_workers=2,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='ActivityNetDataset',
        ann_file=data_root + '/anet_anno_train.json',
        data_prefix=dict(video=data_root + '/activitynet_feature_cuhk/csv_mean_100'),
        pipeline=[
            dict(type='LoadLocalizationFeature'),
            dict(type='GenerateLocalizationLabels'),
            dict(type='PackLocalizationInputs', keys=('gt_bbox',), meta_keys=('video_name',)),
        ],
    ),
)
train_cfg = dict(by_epoch=True, max_epochs=9)
optim_wrapper = dict(optimizer=dict(type='Adam', lr=0.001, weight_decay=0.0001), clip_grad=dict(max_norm=40))
param_scheduler = [dict(type='MultiStepLR', milestones=[7], gamma=0.1)]
