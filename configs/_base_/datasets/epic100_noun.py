# EPIC-Kitchens-100, its nouns: the same videos as for the verbs, other events.
_base_ = ['epic100_verb.py']
num_classes = 300
events = dict(
    ann_file=_base_.data_root + '/annotations/epic_kitchens_100_noun.json',
    num_classes=num_classes,
)
dataset = events
train_dataloader = dict(dataset=events)
val_dataloader = dict(dataset=events)
test_dataloader = dict(dataset=events)
