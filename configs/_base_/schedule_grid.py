# For GRID-streams: longer, and an average over the last 200 iterations.
_base_ = ['schedule_small.py']

train_cfg = dict(max_epochs=40, val_interval=10)
default_hooks = dict(ema=dict(momentum=0.005))
