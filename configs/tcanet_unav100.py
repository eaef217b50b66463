# TCANet on UnAV-100, both streams concatenated. It refines the proposals of configs/bmn_unav100.py, made before by
#   python tools/test.py configs/bmn_unav100.py CHECKPOINT --out work_dirs/bmn_unav100/proposals.json
#       --cfg-options test_dataloader.dataset.subset=train,validation,test
# or those of the file that MMDEL_PROPOSALS names, of all videos to train on and to test.
_base_ = ['_base_/schedule_localizer.py', '_base_/datasets/unav100.py', '_base_/models/tcanet.py']

proposals = dict(type='mmdel.LoadProposals', proposal_file='{{$MMDEL_PROPOSALS:work_dirs/bmn_unav100/proposals.json}}')
resized = [*_base_.load, dict(type='mmdel.ResizeStreams', length=100)]
train_dataloader = dict(dataset=dict(pipeline=[*resized, dict(**proposals, max_num=64), _base_.pack]))
val_dataloader = test_dataloader = dict(dataset=dict(pipeline=[*resized, proposals, _base_.pack]))
val_evaluator = test_evaluator = dict(recall=True, class_agnostic=True)
