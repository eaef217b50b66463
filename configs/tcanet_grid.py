# TCANet on GRID-streams. It refines the proposals of configs/bmn_grid.py, made before by
#   python tools/test.py configs/bmn_grid.py CHECKPOINT --out work_dirs/bmn_grid/proposals.json
#       --cfg-options test_dataloader.dataset.subset=train,val
# or those of the file that MMDEL_PROPOSALS names, of all videos to train on and to test.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/schedule_localizer.py',
    '_base_/datasets/grid.py',
    '_base_/models/tcanet.py',
]

proposal_file = '{{$MMDEL_PROPOSALS:work_dirs/bmn_grid/proposals.json}}'
model = dict(localizer=dict(feat_dim=128))
load = [*_base_.load, dict(type='mmdel.ResizeStreams', length=100)]
train_pipeline = [
    *load,
    dict(type='mmdel.LoadProposals', proposal_file=proposal_file, max_num=64),
    dict(type='mmdel.PackEvents'),
]
test_pipeline = [*load, dict(type='mmdel.LoadProposals', proposal_file=proposal_file), dict(type='mmdel.PackEvents')]
train_dataloader = dict(batch_size=8, dataset=dict(filter_empty=True, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
val_evaluator = dict(recall=True, class_agnostic=True)
test_evaluator = val_evaluator
auto_scale_lr = dict(base_batch_size=8)
