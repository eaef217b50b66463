# All detectors of classes and events on GRID-streams. Not BMN and TCANet, whose mAP is without classes.
seeds = [0, 1, 2]
rows = [
    dict(name='DEL', config='del_grid'),
    dict(name='UnAV', config='unav_grid'),
    dict(name='ActionFormer', config='actionformer_grid'),
    dict(name='TriDet', config='tridet_grid'),
    dict(name='TemporalMaxer', config='temporalmaxer_grid'),
]
