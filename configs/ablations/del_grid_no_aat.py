# Without event-aligned attention: each stream is projected on its own.
_base_ = ['../del_grid.py']

model = dict(backbone=dict(align=None))
