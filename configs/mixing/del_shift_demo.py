# DEL for videos whose sound may be late or early: it is trained on sound that is moved by up to 10 steps.
_base_ = ['../del_demo.py']

shift = dict(type='mmdel.RandomShift', stream='audio', max_shift=10)
train_dataloader = dict(dataset=dict(pipeline=[*_base_.load, _base_.crop, shift, _base_.pack]))
