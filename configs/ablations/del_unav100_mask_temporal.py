# The mask of event-aligned attention from time alone, without the learned gate.
_base_ = ['../del_unav100.py']

model = dict(backbone=dict(align=dict(mask='temporal')))
