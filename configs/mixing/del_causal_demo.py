# DEL whose stem looks to either side of a step on its own, half of its heads to each.
_base_ = ['../del_demo.py']

model = dict(backbone=dict(causal_heads=True))
