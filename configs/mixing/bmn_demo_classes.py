# BMN's proposals as detections, by class scores of whole videos from DEL:
#   python tools/test.py configs/del_demo.py CHECKPOINT --out work_dirs/del_demo/events.json
#   python tools/data/video_scores.py configs/del_demo.py work_dirs/del_demo/events.json
#       work_dirs/del_demo/video_scores.json
_base_ = ['../bmn_demo.py']

model = dict(video_score_topk=6)
score_file = '{{$MMDEL_VIDEO_SCORES:work_dirs/del_demo/video_scores.json}}'
video_scores = dict(type='mmdel.LoadVideoScores', score_file=score_file)
val_dataloader = test_dataloader = dict(dataset=dict(pipeline=[*_base_.resized, video_scores, _base_.pack]))
val_evaluator = test_evaluator = dict(class_agnostic=False)
