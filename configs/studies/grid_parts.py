# What the parts of DEL, its streams, and the contrast that it goes without there, are worth on GRID-streams.
# tools/analysis/study.py runs it.
seeds = [0, 1, 2]
rows = [
    dict(name='DEL', config='del_grid'),
    dict(name='without alignment', config='ablations/del_grid_no_aat'),
    dict(name='with contrast', config='ablations/del_grid_scl'),
    dict(name='without neck', config='ablations/del_grid_no_pan'),
    dict(name='sound alone', config='del_grid', cfg_options={'model.data_preprocessor.zero_streams': ['visual']}),
    dict(name='picture alone', config='del_grid', cfg_options={'model.data_preprocessor.zero_streams': ['audio']}),
]
