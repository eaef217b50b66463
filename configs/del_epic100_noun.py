# DEL on the nouns of EPIC-Kitchens-100, with sound: as on the verbs, for fewer epochs and with smoothed
# labels. del_epic100_noun_visual.py does without sound.
_base_ = ['del_epic100_verb.py']

model = dict(
    head=dict(num_classes=_base_.nouns.num_classes, loss_cls=dict(type='mmdel.SigmoidFocalLoss', label_smoothing=0.1))
)
train_dataloader = val_dataloader = test_dataloader = dict(dataset=_base_.nouns)
train_cfg = dict(max_epochs=35)
