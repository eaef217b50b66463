default_scope = 'mmdel'
custom_imports = dict(imports=['mmdel'], allow_failed_imports=False)

# Every hook has a name, by which a config changes or adds one: default_hooks=dict(ema=dict(momentum=0.01)).
default_hooks = dict(
    runtime_info=dict(type='mmengine.RuntimeInfoHook'),
    epoch_seed=dict(type='mmdel.EpochSeedHook'),
    timer=dict(type='mmengine.IterTimerHook'),
    logger=dict(type='mmengine.LoggerHook', interval=20, ignore_last=False),
    param_scheduler=dict(type='mmdel.ResumedScheduleHook'),
    # The best is kept only where the validation's videos are not the test's, as they are in THUMOS14, ActivityNet-1.3,
    # EPIC-Kitchens-100 and the demo: a checkpoint that was picked by the test's videos scores too high on them.
    checkpoint=dict(
        type='mmdel.RunCheckpointHook', interval=1, max_keep_ckpts=2, save_best='event/mAP', rule='greater'
    ),
    sampler_seed=dict(type='mmengine.DistSamplerSeedHook'),
    visualization=dict(type='mmdel.EventVisualizationHook', enable=False),
    pictures=dict(type='mmdel.TrainingPicturesHook', num_videos=0),
    classes=dict(type='mmdel.ClassCheckHook'),
    checkpoint_check=dict(type='mmdel.CheckpointCheckHook'),
    data_report=dict(type='mmdel.DataReportHook'),
    finite=dict(type='mmdel.FiniteCheckHook'),
    plan=dict(type='mmdel.TrainingPlanHook'),
)
train_cfg = dict(type='mmdel.ResumableTrainLoop', val_interval=1)
val_cfg = dict(type='mmengine.ValLoop')
test_cfg = dict(type='mmengine.TestLoop')
randomness = dict(seed=0)
env_cfg = dict(
    cudnn_benchmark=False, mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0), dist_cfg=dict(backend='nccl')
)
log_processor = dict(type='mmengine.LogProcessor', window_size=20, by_epoch=True)
log_level = 'INFO'
load_from = None
resume = False
