# What the loaders of every data set have; _base_/datasets add batch size, files, subsets and the training pipeline.
collate = dict(type='mmdel.collate_videos')
load = [dict(type='mmdel.LoadFeatures'), dict(type='mmdel.AlignStreams', reference='visual')]
pack = dict(type='mmdel.PackEvents')

train_dataloader = dict(
    num_workers=4,
    persistent_workers=False,  # begun anew with each epoch, workers draw the same in a training that was resumed
    worker_init_fn=dict(type='mmdel.begin_worker'),
    sampler=dict(type='mmengine.DefaultSampler', shuffle=True),
    collate_fn=collate,
    dataset=dict(type='mmdel.EventDataset', filter_empty=True),
)
val_dataloader = test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='mmengine.DefaultSampler', shuffle=False),
    collate_fn=collate,
    dataset=dict(type='mmdel.EventDataset', test_mode=True, pipeline=[*load, pack]),
)
val_evaluator = test_evaluator = dict(type='mmdel.EventMAP')
auto_scale_lr = dict(enable=False)
