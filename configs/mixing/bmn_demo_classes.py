# BMN's proposals as detections, by class scores of whole videos from DEL:
#   python tools/test.py configs/del_demo.py CHECKPOINT --out work_dirs/del_demo/events.json
#   python tools/data/video_scores.py configs/del_demo.py work_dirs/del_demo/events.json
#       work_dirs/del_demo/video_scores.json
_base_ = ['../bmn_demo.py']

model = dict(video_score_topk=6)
score_file = '{{$MMDEL_VIDEO_SCORES:work_dirs/del_demo/video_scores.json}}'
test_pipeline = [
    *_base_.load,
    dict(type='mmdel.ResizeStreams', length=_base_.length),
    dict(type='mmdel.LoadVideoScores', score_file=score_file),
    dict(type='mmdel.PackEvents'),
]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
val_evaluator = dict(class_agnostic=False)
test_evaluator = val_evaluator
