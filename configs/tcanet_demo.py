# A small TCANet on the demo data. It refines the proposals of configs/bmn_demo.py, made before by
#   python tools/test.py configs/bmn_demo.py CHECKPOINT --out work_dirs/bmn_demo/proposals.json
#       --cfg-options test_dataloader.dataset.subset=train,test
# or those of the file that MMDEL_PROPOSALS names, of all videos to train on and to test.
_base_ = ['_base_/schedule_localizer.py', '_base_/datasets/demo.py', '_base_/models/tcanet.py']

proposals = dict(type='mmdel.LoadProposals', proposal_file='{{$MMDEL_PROPOSALS:work_dirs/bmn_demo/proposals.json}}')
model = dict(localizer=dict(feat_dim=208, se_sample_num=16, action_sample_num=32, temporal_dim=128))
resized = [*_base_.load, dict(type='mmdel.ResizeStreams', length=128)]
train_dataloader = dict(batch_size=8, dataset=dict(pipeline=[*resized, dict(**proposals, max_num=16), _base_.pack]))
val_dataloader = test_dataloader = dict(dataset=dict(pipeline=[*resized, proposals, _base_.pack]))
val_evaluator = test_evaluator = dict(recall=True, class_agnostic=True)
auto_scale_lr = dict(base_batch_size=8)
