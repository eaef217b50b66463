# DEL on UnAV-100 with ONE-PEACE features of picture and sound, 1536 wide, four steps a second, as UniAV (Geng et al.
# 2024, arXiv 2404.03179) offers them.
_base_ = ['del_unav100.py']

visual = dict(files=['{id}_one_peace_video_finetune.npy'], stride=4, window=16, fps=16, channels=1536)
audio = dict(files=['{id}_one_peace_audio.npy'], stride=25, window=100, fps=100, channels=1536)
streams = dict(visual=visual, audio=audio)
crop = dict(type='mmdel.RandomTemporalCrop', max_len=256, crop_ratio=(0.9, 1.0), trunc_thresh=0.5)

model = dict(backbone=dict(in_channels=dict(visual=1536, audio=1536)))
train_dataloader = dict(dataset=dict(streams=streams, pipeline=[*_base_.load, crop, _base_.pack]))
val_dataloader = test_dataloader = dict(dataset=dict(streams=streams))
