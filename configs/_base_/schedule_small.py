# For small models on small data: larger steps, a decay that keeps the weights small, and an average over the last 100
# iterations instead of 1000.
_base_ = ['schedule.py']

train_cfg = dict(max_epochs=25, val_interval=5)
optim_wrapper = dict(optimizer=dict(lr=2e-3, weight_decay=2.5))
default_hooks = dict(ema=dict(momentum=0.01))
