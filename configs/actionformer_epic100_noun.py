# ActionFormer on the nouns of EPIC-Kitchens-100 with SlowFast features, as published: as on the verbs, but for the
# labels, which are smoothed.
_base_ = ['actionformer_epic100_verb.py']

model = dict(
    head=dict(num_classes=_base_.nouns.num_classes, loss_cls=dict(type='mmdel.SigmoidFocalLoss', label_smoothing=0.1))
)
train_dataloader = val_dataloader = test_dataloader = dict(dataset=_base_.nouns)
