# DEL with TriDet's head: boundaries as expectations over the steps beside a point.
_base_ = ['../del_demo.py']

model = dict(head=dict(type='mmdel.TridentHead', num_bins=16))
