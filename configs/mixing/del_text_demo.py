# DEL whose head knows the classes by embeddings of their names, so that others can take their place after the training.
# docs/mixing.md makes the file.
_base_ = ['../del_demo.py']

model = dict(
    head=dict(
        class_aware=False,
        classifier=dict(type='mmdel.TextClassifier', embed_dims=11),
        # Boundaries that know no class.
        regressor=dict(_delete_=True, type='mmdel.OffsetRegressor'),
    )
)
default_hooks = dict(classes=dict(embeddings='{{$MMDEL_EMBEDDINGS:work_dirs/names.npz}}'))
