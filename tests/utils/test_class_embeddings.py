import numpy as np
import pytest
import torch
from torch import nn

from mmdel.utils.class_embeddings import (
    PART,
    embeddings_file,
    embeddings_of,
    exchange_classes,
    read_class_embeddings,
    require_exchangeable,
)
from mmdel.utils.errors import UserInputError

VECTORS = np.array([[3.0, 4.0], [0.0, 2.0], [-1.0, 0.0]])


def write(path, names=('bell', 'dog bark', 'horn'), embeddings=VECTORS):
    np.savez(path, names=names, embeddings=embeddings)
    return path


def test_classes_find_theirs_by_name_whatever_the_order_of_the_file(tmp_path):
    path = write(tmp_path / 'a.npz')
    assert list(read_class_embeddings(path, 2)) == ['bell', 'dog bark', 'horn']
    found = embeddings_of(['horn', 'bell'], path, 2)
    torch.testing.assert_close(found, torch.tensor([[-1.0, 0.0], [0.6, 0.8]]))


def test_what_does_not_suit_is_named_with_the_file(tmp_path):
    path = write(tmp_path / 'a.npz')
    with pytest.raises(UserInputError, match=r'a\.npz lack 2 of the 3 classes: Bell, whistle'):
        embeddings_of(['Bell', 'horn', 'whistle'], path, 2)
    with pytest.raises(UserInputError, match=r'a\.npz have 2 numbers each, and the model has 512: .*embed_dims'):
        embeddings_of(['horn'], path, 512)


@pytest.mark.parametrize(
    'change',
    [
        dict(names=['a', 'b', 'a']),
        dict(names=['a', 'b']),
        dict(names=[1, 2, 3]),
        dict(names=np.array(['a', 'b', 3], dtype=object)),
        dict(names=[['a', 'b', 'c']]),
        dict(names=[], embeddings=np.zeros((0, 2))),
        dict(embeddings=np.array([[3.0, 4.0], [0.0, np.nan], [-1.0, 0.0]])),
        dict(embeddings=np.array([[3.0, 4.0], [0.0, 0.0], [-1.0, 0.0]])),
        dict(embeddings=VECTORS[:, 0]),
        dict(embeddings=VECTORS[..., None]),
        dict(embeddings=['a', 'b', 'c']),
    ],
    ids=str,
)
def test_other_content_is_refused(tmp_path, change):
    with pytest.raises(UserInputError, match=r'a\.npz are not an \.npz file of names \(C,\)'):
        read_class_embeddings(write(tmp_path / 'a.npz', **change), 2)


def test_other_files_are_refused(tmp_path):
    np.save(tmp_path / 'a.npy', VECTORS)
    (tmp_path / 'b.npz').write_bytes(b'PK\3\4 and no more')
    np.savez(tmp_path / 'c.npz', names=['a'])
    for name in ('a.npy', 'b.npz', 'c.npz'):
        with pytest.raises(UserInputError, match=f'{name} are not an'):
            read_class_embeddings(tmp_path / name, 2)
    with pytest.raises(UserInputError, match=r'Cannot read the class embeddings .*none\.npz'):
        read_class_embeddings(tmp_path / 'none.npz', 2)


def test_the_file_of_a_config_is_that_of_its_hook():
    assert embeddings_file(dict(model=dict())) is None
    assert embeddings_file(dict(default_hooks=dict(classes=dict(embeddings=None), timer=None))) is None
    assert embeddings_file(dict(default_hooks=dict(classes=dict(embeddings='a.npz')))) == 'a.npz'
    assert embeddings_file(dict(custom_hooks=[dict(type='X'), dict(embeddings='b.npz')])) == 'b.npz'


def checkpoint_of(classes, values=VECTORS):
    return dict(state_dict={PART: torch.tensor(values)}, meta=dict(dataset_meta=dict(classes=classes)))


def test_a_checkpoint_gets_other_classes_and_says_so():
    content, other = checkpoint_of(('a', 'b', 'c')), torch.eye(2)
    said = exchange_classes(content, nn.Module(), ['d', 'a'], other)
    assert said == 'its 3 classes are exchanged for 2: d, a'
    assert content['meta']['dataset_meta']['classes'] == ['d', 'a'] and content['state_dict'][PART] is other
    assert exchange_classes(content, nn.Module(), ['d', 'a'], other.clone()) == ''
    assert 'embeddings of the classes are exchanged' in exchange_classes(content, nn.Module(), ['d', 'a'], -other)
    bare = {'module.' + PART: torch.zeros(3, 2)}
    assert exchange_classes(bare, nn.Module(), ['d', 'a'], other) and list(bare) == ['module.' + PART]
    assert exchange_classes(dict(state_dict={}), nn.Module(), ['d', 'a'], other) == ''


def test_what_learned_each_class_is_not_exchanged():
    model = nn.Module()
    model.head, model.neck = nn.Module(), nn.Sequential(nn.Module())
    model.head.num_classes, model.head.regressor = 3, nn.Module()
    model.head.regressor.num_regressions = 1
    require_exchangeable(model)
    model.head.regressor.num_regressions = model.neck[0].num_classes = 3
    content = checkpoint_of(('a', 'b', 'c'))
    with pytest.raises(UserInputError, match=r'since (head\.regressor, neck\.0|neck\.0, head\.regressor) learned'):
        exchange_classes(content, model, ['a', 'c', 'b'], torch.eye(3, 2))
    assert content['meta']['dataset_meta']['classes'] == ('a', 'b', 'c')
    assert exchange_classes(content, model, ['a', 'b', 'c'], torch.eye(3, 2))  # other embeddings of the same
