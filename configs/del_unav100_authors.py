# DEL on UnAV-100 in the layout of its authors' code, as close as can be. What still differs:
#
# - The guide's tokens are steps of the other stream. Theirs are its channels over time, which ties them to one T.
# - Padding never reaches a valid step: not in the guide, nor in its refresh, nor in any convolution.
# - The refresh has the norms and maps of usual pre-norm attention.
# - Their cross-attention of 37.9 M parameters, which is never called, is not there.
# - The 2000 candidates before the suppression are the best of a video, not of each of its levels.
# - Offsets start at one stride, where theirs start at zero, from which some classes never come away.
# - The loss is not divided by the number of levels; the clip of the gradient is six times theirs instead.
# - Videos longer than the learned positions are seen in windows.
#
# Data, schedule and average of the weights are those of del_unav100.py, which is the layout that this project chose.
_base_ = ['_base_/schedule.py', '_base_/datasets/unav100.py', '_base_/models/del_authors.py']

# Six times theirs, see above.
optim_wrapper = dict(clip_grad=dict(max_norm=6.0))
default_hooks = dict(contrast=_base_.contrast)
