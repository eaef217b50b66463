"""Hostile checkpoints and feature files: each is refused, in words, and reading it runs nothing.

They are read in a process of their own, since what used to get through ended it by a signal.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import runpy
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from documented import documented
from sandbox import run_apart

from mmdel.compat import _restore_log_history
from mmdel.utils.checkpoints import checkpoint_classes, read_checkpoint
from mmdel.utils.old_checkpoint import load_old_checkpoint

ROOT = Path(__file__).resolve().parents[2]

READ = """
import json, pickle, sys
import mmdel, torch
from mmdel.utils.errors import refusal
from mmdel.utils.old_checkpoint import load_old_checkpoint
for path in sys.argv[1:]:
    for read in (lambda path: torch.load(path, weights_only=True), load_old_checkpoint):
        try:
            print(json.dumps(f'read: {type(read(path)).__name__}'), flush=True)
        except pickle.UnpicklingError as error:
            print(json.dumps('refused: ' + refusal(error)), flush=True)
"""


class Call:
    """Pickles as a call of ``function``, and a state for what it gives."""

    def __init__(self, function, args, *state) -> None:
        self.call = (function, args, *state)

    def __reduce__(self):
        return self.call


class Function:
    """Pickles as the function of a name, whether or not there is one."""

    def __init__(self, module: str, name: str) -> None:
        self.path = module, name


class Pickler(pickle._Pickler):
    """Writes a :class:`Function` as its name."""

    def save(self, value, save_persistent_id=True):
        if isinstance(value, Function):
            self.write(b'c' + '\n'.join(value.path).encode() + b'\n')
        else:
            super().save(value, save_persistent_id)

    def save_reduce(self, func, args, state=None, *rest, obj=None):
        if isinstance(func, Function):  # which the library's own method would not take for a callable
            self.save(func)
            self.save(args)
            self.write(pickle.REDUCE)
            if state is not None:
                self.save(state)
                self.write(pickle.BUILD)
        else:
            super().save_reduce(func, args, state, *rest, obj=obj)


class Writer:
    """What ``torch.save`` takes for a pickle module."""

    Pickler = Pickler
    dump, dumps = staticmethod(pickle.dump), staticmethod(pickle.dumps)


def called(path: str, *args, state=None) -> Call:
    module, name = path.rsplit('.', 1)
    return Call(Function(module, name), args, *(() if state is None else (state,)))


HISTORY, NDARRAY = Function('mmengine.logging.history_buffer', 'HistoryBuffer'), Function('numpy', 'ndarray')
DTYPE = called('numpy.dtype', 'O8', False, True, state=(3, '|', None, None, None, -1, -1, 63))
ATTACKS = {
    # Arrays of objects over raw bytes, by every way that numpy's own pickles go.
    'dtype': DTYPE,
    'ndarray': called('numpy.ndarray', (8,), DTYPE, b'A' * 64),
    'reconstruct': called(
        'numpy._core.multiarray._reconstruct',
        Function('numpy', 'ndarray'),
        (0,),
        b'b',
        state=(1, (8,), DTYPE, False, b'A' * 64),
    ),
    'scalar': called('numpy._core.multiarray.scalar', DTYPE, b'A' * 8),
    'frombuffer': called('numpy._core.multiarray.frombuffer', b'A' * 64, DTYPE),
    'dtype class': called('numpy.dtypes.ObjectDType'),
    # Code.
    'eval': called('builtins.eval', '1 + 1'),
    'system': called('os.system', 'true'),
    'getattr': called('builtins.getattr', HISTORY, 'register_statistics'),
    'history': called('mmengine.logging.history_buffer.HistoryBuffer', [1.0], [1], 10, state={'max_length': 3}),
    # The one function that is admitted.
    'history of objects': Call(_restore_log_history, ([[1.0]], [1], 10)),
    'history of another length': Call(_restore_log_history, ([1.0], [], 10)),
    'history beyond its length': Call(_restore_log_history, ([1.0, 2.0], [1, 1], 1)),
    'history without a length': Call(_restore_log_history, ([], [], 1e300)),
    'state of a history': Call(_restore_log_history, ([1.0], [1], 10), {'_log_history': 'foreign'}),
}


def test_every_attack_is_refused_and_the_process_lives(tmp_path):
    paths = []
    for name, attack in ATTACKS.items():
        paths.append(tmp_path / f'{name.replace(" ", "_")}.pth')
        torch.save(dict(message_hub=attack), paths[-1], pickle_module=Writer)
    done = subprocess.run([sys.executable, '-c', READ, *map(str, paths)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    answers = dict(zip(ATTACKS, zip(*[iter(map(json.loads, done.stdout.splitlines()))] * 2, strict=True), strict=True))
    for name, (answer, of_old) in answers.items():
        assert answer.startswith('refused: '), name
        # A log history of numbers, and nothing else, is what an old checkpoint may have.
        assert of_old.startswith('refused: '), name
        assert 'weights_only' not in answer + of_old and 'safe_globals' not in answer + of_old


def test_settings_in_a_checkpoint_are_text_and_never_run(tmp_path):
    """mmengine writes the config as Python into ``meta``; other tools run that text."""
    trap = tmp_path / 'was_run'
    code = f'import pathlib\npathlib.Path({str(trap)!r}).touch()\nmodel = dict()\n'
    meta = dict(cfg=code, dataset_meta=dict(classes=[code]), epoch=1, iter=1, seed=0, mmengine_version='0')
    path = tmp_path / 'a.pth'
    torch.save(dict(state_dict={'weight': torch.ones(2)}, meta=meta), path)

    def read():
        checkpoint = read_checkpoint(str(path))
        return [checkpoint['meta']['cfg'] == code, checkpoint_classes(checkpoint) == [code]]

    assert run_apart(read) == 'read: [True, True]'
    arguments = ['publish_model.py', str(path), str(tmp_path / 'published.pth')]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, 'argv', arguments)
        run_apart(lambda: runpy.run_path(str(ROOT / 'tools/publish_model.py'), run_name='__main__') and None)
    assert not trap.exists()


def test_our_code_runs_no_text():
    runs = re.compile(
        r'(?<![.\w])(?:eval|exec|compile)\(|Config\.fromstring|pickle\.load|weights_only=False|allow_pickle=True'
    )
    for folder in ('mmdel', 'tools'):
        found = [path.name for path in (ROOT / folder).rglob('*.py') if runs.search(path.read_text())]
        assert not found


def test_a_bomb_is_no_checkpoint(tmp_path):
    torch.save(dict(state_dict={'weight': torch.zeros(10**6)}), tmp_path / 'plain.pth')
    path = tmp_path / 'bomb.pth'
    with zipfile.ZipFile(tmp_path / 'plain.pth') as plain, zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as packed:
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    said = 'bytes claim to hold 4'
    assert said in run_apart(lambda: read_checkpoint(str(path)))
    with pytest.raises(pickle.UnpicklingError, match=said):
        load_old_checkpoint(path)


def test_what_is_no_file_is_no_checkpoint(tmp_path):
    os.mkfifo(tmp_path / 'a.pth')
    for path in (tmp_path / 'a.pth', tmp_path, '/dev/zero'):
        assert run_apart(lambda path=path: read_checkpoint(str(path))).startswith('refused: ')


def test_every_attack_stands_in_the_docs():
    assert documented('Checkpoints').keys() >= ATTACKS.keys()
