# Without the path aggregation neck: each level's streams side by side.
_base_ = ['../del_demo.py']

model = dict(neck=dict(_delete_=True, type='mmdel.ConcatNeck'))
