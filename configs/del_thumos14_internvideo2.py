# DEL on THUMOS14 with InternVideo2-6B features of the picture (Wang et al. 2024, arXiv 2403.15377), 3200 wide, steps as
# those of I3D. They come as .pt files: see docs/datasets.md.
_base_ = ['del_thumos14_visual.py']

streams = dict(visual=dict(root=_base_.data_root + '/internvideo2_features', files=['{id}.pt'], channels=3200))

model = dict(backbone=dict(in_channels=dict(visual=3200)))
train_dataloader = val_dataloader = test_dataloader = dict(dataset=dict(streams=streams))
