from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from mmdel.datasets.checks import feature_files
from mmdel.datasets.checks.feature_files import FileFacts, inspect_file, inspect_files
from mmdel.utils.errors import UserInputError

FEATURE = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)


def save(path, array) -> str:
    np.save(path, array)
    return str(path)


def test_the_same_content_has_the_same_digest_whatever_the_file(tmp_path):
    np.savez(tmp_path / 'a.npz', feats=FEATURE, times=np.arange(20))
    arrays = dict(b=FEATURE, c=FEATURE.astype(np.float64), d=FEATURE + 1, e=FEATURE.reshape(10, 10))
    names = [(save(tmp_path / f'{name}.npy', array), None) for name, array in arrays.items()]
    first, *others = (inspect_file(name) for name in [(str(tmp_path / 'a.npz'), 'feats'), *names])
    assert first.shape == (20, 5) and [fact.digest == first.digest for fact in others] == [True, True, False, False]
    assert inspect_file(names[0], headers_only=True) == FileFacts((20, 5))


def test_steps_that_are_all_the_same_have_no_digest(tmp_path):
    assert inspect_file((save(tmp_path / 'a.npy', np.ones((4, 3), np.float16)), None)) == FileFacts((4, 3))
    assert inspect_file((save(tmp_path / 'b.npy', np.ones((1, 3))), None)).digest


@pytest.mark.parametrize('num_workers', [0, 2])
def test_many_files(tmp_path, num_workers):
    names = [(save(tmp_path / f'{index}.npy', FEATURE[: index % 4]), None) for index in range(40)]
    facts = inspect_files(names, num_workers=num_workers)
    assert list(facts) == names
    assert [fact.shape and fact.shape[0] for fact in facts.values()] == 10 * [None, 1, 2, 3]
    assert {fact.problem.kind for fact in facts.values() if fact.problem} == {'wrong-array'}
    assert inspect_files([]) == {}


@pytest.mark.skipif(sys.platform != 'linux', reason='the processes are not forked')
def test_a_process_that_dies_is_told(monkeypatch):
    monkeypatch.setattr(feature_files, 'feature_shape', lambda *args: os._exit(9))
    with pytest.raises(UserInputError, match='was killed'):
        inspect_files([(str(index), None) for index in range(40)], num_workers=2)


def test_processes_that_are_forked_after_threads_have_computed_end(tmp_path):
    """OpenMP's threads do not survive a fork, and a process that waits for them waits for ever."""
    code = """
        import sys, torch, numpy as np
        from mmdel.datasets.checks.feature_files import inspect_files
        torch.set_num_threads(2)
        torch.ones(2000, 400).add(1.0)
        names = [(f'{sys.argv[1]}/{index}.npy', None) for index in range(40)]
        print({fact.shape for fact in inspect_files(names, num_workers=2).values()})
    """
    for index in range(40):
        save(tmp_path / f'{index}.npy', np.random.default_rng(index).normal(size=(1000, 400)).astype(np.float32))
    command = [sys.executable, '-c', textwrap.dedent(code), str(tmp_path)]
    environment = {name: value for name, value in os.environ.items() if name != 'OMP_NUM_THREADS'}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout == '{(1000, 400)}\n', done.stderr
