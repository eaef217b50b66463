# Five epochs of warm-up, then a cosine to the last epoch; a config changes max_epochs and lr. Tested is the moving
# average of the weights. In it the n-th step counts 9 / (9 + n) while that is more than the momentum: so it forgets the
# weights from before the training, however short that is.
_base_ = ['default_runtime.py']

train_cfg = dict(max_epochs=45)
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='mmdel.GroupedOptimWrapperConstructor',
    optimizer=dict(type='torch.optim.AdamW', lr=1e-4, weight_decay=1e-4, fused=True),
    clip_grad=dict(max_norm=1.0),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0, flat_decay_mult=0.0, bypass_duplicate=True),
)
param_scheduler = [
    dict(type='mmengine.LinearLR', start_factor=1e-3, end=5, convert_to_iter_based=True),
    dict(type='mmengine.CosineAnnealingLR', begin=5, eta_min=1e-8, convert_to_iter_based=True),
]
default_hooks = dict(ema=dict(type='mmdel.StepEMAHook', ema_type='MomentumAnnealingEMA', gamma=9, momentum=0.001))
