# The neck's guide as cross-attention.
_base_ = ['../del_unav100.py']

model = dict(neck=dict(guide='cross'))
