# All detectors of classes and events on the demo data. Not BMN and TCANet, whose mAP is without classes.
_base_ = ['../_base_/demo_held_back.py']

seeds = [0, 1, 2]
rows = [
    dict(name='DEL', config='del_demo'),
    dict(name='DEL, dependency block', config='mixing/del_dependency_demo'),
    dict(name='UnAV', config='unav_demo'),
    dict(name='ActionFormer', config='actionformer_demo'),
    dict(name='TriDet', config='tridet_demo'),
    dict(name='TemporalMaxer', config='temporalmaxer_demo'),
]
rows += [dict(test_of=_row['name'], **_base_._held_back) for _row in rows]
