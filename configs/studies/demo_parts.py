# What the parts of DEL, and its streams, are worth on the demo data. tools/analysis/study.py runs it.
_base_ = ['../_base_/demo_held_back.py']

seeds = [0, 1, 2]
rows = [
    dict(name='DEL', config='del_demo'),
    dict(name='without alignment', config='ablations/del_demo_no_aat'),
    dict(name='without contrast', config='ablations/del_demo_no_scl'),
    dict(name='without neck', config='ablations/del_demo_no_pan'),
    dict(name='sound alone', config='del_demo', cfg_options={'model.data_preprocessor.zero_streams': ['visual']}),
    dict(name='picture alone', config='del_demo', cfg_options={'model.data_preprocessor.zero_streams': ['audio']}),
]
rows += [dict(test_of=_row['name'], **_base_._held_back) for _row in rows]
