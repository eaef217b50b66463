# For GRID-streams: longer, by smaller steps, and an average over the last 200 iterations.
_base_ = ['schedule_small.py']

train_cfg = dict(max_epochs=40, val_interval=10)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
default_hooks = dict(ema=dict(momentum=0.005))
