# DEL that knows its classes by their names and has seen none of two of them: their events are neither learned nor
# background. mixing/del_text_demo.py tests it with all ten.
_base_ = ['del_text_demo.py']

unseen = ['disc with siren', 'ring with hiss']
seen = [
    'disc with hum',
    'square with siren',
    'square with beeps',
    'triangle with beeps',
    'triangle with hiss',
    'ring with knocks',
    'cross with knocks',
    'cross with hum',
]
dataset = dict(classes=seen, ignore_labels=unseen)
train_dataloader = val_dataloader = test_dataloader = dict(dataset=dataset)
model = dict(head=dict(num_classes=8))
