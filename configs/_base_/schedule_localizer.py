# As in MMAction2's configs of BMN and TCANet: Adam, nine epochs, a tenth of the rate after the seventh, no average of
# the weights.
_base_ = ['default_runtime.py']

train_cfg = dict(max_epochs=9)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='torch.optim.Adam', lr=1e-3, weight_decay=1e-4),
    clip_grad=dict(max_norm=40),
)
param_scheduler = [dict(type='mmengine.MultiStepLR', milestones=[7], gamma=0.1)]
