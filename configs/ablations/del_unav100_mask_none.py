# Attention across the streams without the event-aligned mask.
_base_ = ['../del_unav100.py']

model = dict(backbone=dict(align=dict(mask='none')))
