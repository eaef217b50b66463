# Without the path aggregation neck: each level's streams side by side.
_base_ = ['../del_grid.py']

model = dict(neck=dict(_delete_=True, type='mmdel.ConcatNeck'))
