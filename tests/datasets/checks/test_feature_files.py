from __future__ import annotations

import os
import sys

import numpy as np
import pytest
import torch

from mmdel.datasets.checks import FileFacts, feature_files, inspect_files
from mmdel.datasets.checks.feature_files import inspect_file
from mmdel.utils.errors import UserInputError

FEATURE = np.arange(12, dtype=np.float32).reshape(4, 3)


def save(path, array):
    if path.suffix == '.npz':
        np.savez(path, feats=array)
    elif path.suffix == '.pt':
        torch.save({'feats': torch.from_numpy(array)}, path)
    else:
        np.save(path, array)
    return str(path)


@pytest.mark.parametrize('suffix', ['.npy', '.npz', '.pt'])
class TestKindsOfFiles:
    def test_the_same_content_has_the_same_digest(self, tmp_path, suffix):
        fact = inspect_file((save(tmp_path / f'a{suffix}', FEATURE), None))
        assert fact == inspect_file((save(tmp_path / 'b.npy', FEATURE), None))
        assert fact.shape == (4, 3) and fact.digest and not fact.problem
        assert inspect_file((save(tmp_path / f'c{suffix}', FEATURE + 1), None)).digest != fact.digest
        assert inspect_file((save(tmp_path / f'd{suffix}', FEATURE.reshape(3, 4)), None)).digest != fact.digest

    def test_headers_tell_the_shape(self, tmp_path, suffix):
        assert inspect_file((save(tmp_path / f'a{suffix}', FEATURE), None), headers_only=True) == FileFacts((4, 3))

    @pytest.mark.parametrize('headers_only', [True, False])
    def test_every_cut_is_noticed(self, tmp_path, suffix, headers_only):
        path = tmp_path / f'a{suffix}'
        save(path, FEATURE)
        content = path.read_bytes()
        for length in (0, 1, 40, len(content) // 2, len(content) - 1):
            path.write_bytes(content[:length])
            fact = inspect_file((str(path), None), headers_only)
            assert (fact.problem, fact.shape) == ('unreadable-file', None), length
            assert fact.found and '\n' not in fact.found

    def test_a_file_that_is_not_there(self, tmp_path, suffix):
        fact = inspect_file((str(tmp_path / f'a{suffix}'), None))
        assert fact.problem == 'unreadable-file' and 'No such file' in fact.found


def test_a_key_that_is_wrong_is_told(tmp_path):
    path = save(tmp_path / 'a.npz', FEATURE)
    assert inspect_file((path, 'feats')).shape == (4, 3)
    assert "['feats']" in inspect_file((path, 'other')).found


def test_a_kind_of_file_that_is_unknown(tmp_path):
    (tmp_path / 'a.mat').write_bytes(b'1')
    assert 'unknown kind' in inspect_file((str(tmp_path / 'a.mat'), None)).found


def test_foreign_code_is_not_run(tmp_path):
    class Foreign:
        def __reduce__(self):
            return (tmp_path.rmdir, ())

    torch.save(Foreign(), tmp_path / 'a.pt')
    np.save(tmp_path / 'b.npy', np.array([Foreign()], dtype=object), allow_pickle=True)
    assert inspect_file((str(tmp_path / 'a.pt'), None)).problem == 'unreadable-file'
    assert inspect_file((str(tmp_path / 'b.npy'), None)).problem == 'wrong-dtype'


@pytest.mark.parametrize(
    ('array', 'problem', 'found'),
    [
        (np.full((4, 3), np.nan), 'not-finite', 'first in step 0 of 4'),
        (np.array([[1.0], [np.inf]]), 'not-finite', 'first in step 1 of 2'),
        (np.array([[1.0], [1e300]]), 'not-finite', 'first in step 1 of 2'),
        (np.zeros((4, 0), np.float16), 'empty-feature', '(4, 0)'),
        (np.zeros(4), 'wrong-ndim', '(4,)'),
        (np.zeros((4, 3), bool), 'wrong-dtype', 'bool'),
    ],
)
def test_what_a_file_holds(tmp_path, array, problem, found):
    fact = inspect_file((save(tmp_path / 'a.npy', array), None))
    assert fact.problem == problem and found in fact.found


def test_steps_that_are_all_the_same(tmp_path):
    fact = inspect_file((save(tmp_path / 'a.npy', np.ones((4, 3), np.float16)), None))
    assert fact == FileFacts((4, 3), constant=True)
    assert not inspect_file((save(tmp_path / 'b.npy', np.ones((1, 3))), None)).constant


@pytest.mark.parametrize('num_workers', [0, 2])
def test_many_files(tmp_path, num_workers):
    names = [(save(tmp_path / f'{index}.npy', FEATURE[: index % 4]), None) for index in range(40)]
    seen = []

    def progress(facts, num):
        for fact in facts:
            seen.append((fact, num))
            yield fact

    facts = inspect_files(names, num_workers=num_workers, progress=progress)
    assert list(facts) == names and [fact for fact, _ in seen] == list(facts.values())
    assert {num for _, num in seen} == {40}
    assert [fact.shape[0] for fact in facts.values()] == [index % 4 for index in range(40)]
    assert inspect_files([]) == {}


@pytest.mark.skipif(sys.platform != 'linux', reason='the processes are not forked')
def test_a_process_that_dies_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(feature_files, '_inspect', lambda *args: os._exit(9))
    with pytest.raises(UserInputError, match='was killed'):
        inspect_files([(str(index), None) for index in range(40)], num_workers=2)
