# DEL with TriDet's regression: boundaries as expectations over the steps beside a point.
_base_ = ['../del_demo.py']

model = dict(head=dict(regressor=dict(type='mmdel.TridentRegressor', num_bins=16), iou_power=0.2))
