"""Feature files, packed files and checkpoints, changed: an array or weights, or a refusal that says why."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from pickle import UnpicklingError

import lmdb  # noqa: F401  writes the packed file
import numpy as np
import torch
from mmengine.logging import HistoryBuffer

from fuzzing.mutate import mutate, pick
from mmdel.datasets import feature_pack
from mmdel.datasets.feature_pack import PackWriter, list_folder
from mmdel.datasets.feature_store import feature_shape, read_feature
from mmdel.utils.checkpoints import read_checkpoint
from mmdel.utils.errors import UserInputError, refusal
from mmdel.utils.old_checkpoint import load_old_checkpoint

ARRAY = np.arange(40, dtype=np.float32).reshape(10, 4)
ADVICE = 'weights_only', 'allow_pickle', 'safe_globals'


def _saved(save: Callable, *args: object, **more: object) -> bytes:
    buffer = io.BytesIO()
    save(buffer, *args, **more)
    return buffer.getvalue()


def _torch(content: object, **more: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **more)
    return buffer.getvalue()


def _pack() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'a.lmdb')
        writer = PackWriter(str(path))
        for number in range(60):
            writer.put(f'visual/{number:02d}', np.full((4 if number % 2 else 300, 8), number, np.float32))
        writer.close()
        return path.read_bytes()


HALF = ARRAY.astype(np.float16)
FEATURES = {
    '.npy': [_saved(np.save, ARRAY), _saved(np.save, np.asfortranarray(HALF)), _saved(np.save, ARRAY.astype('>i2'))],
    '.npz': [_saved(np.savez, a=ARRAY), _saved(np.savez_compressed, a=HALF, b=ARRAY)],
    '.pt': [
        _torch(torch.from_numpy(ARRAY)),
        _torch(dict(a=torch.from_numpy(HALF), b=1)),
        _torch(torch.from_numpy(ARRAY), _use_new_zipfile_serialization=False),
    ],
}
PACK = _pack()
CHECKPOINT = dict(
    state_dict={'a.weight': torch.ones(3, 2), 'a.bias': torch.zeros(2, dtype=torch.float16)},
    optimizer=dict(state={0: dict(step=torch.tensor(3.0))}, param_groups=[dict(lr=0.1, params=[0])]),
    message_hub=dict(log_scalars=dict(loss=HistoryBuffer([1.0, 2.0], [1, 1], 10)), runtime_info=dict(epoch=1)),
    meta=dict(cfg='model = dict()', dataset_meta=dict(classes=['a', 'b']), epoch=1),
)
CHECKPOINTS = [_torch(CHECKPOINT), _torch(CHECKPOINT, _use_new_zipfile_serialization=False)]


def change(rng: np.random.Generator, content: bytes) -> bytes:
    """Changes a file; of an archive mostly one of its parts, with a checksum that fits."""
    if not content.startswith(b'PK') or rng.random() < 0.3:
        return mutate(rng, content)
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(changed, 'w') as out:
        names = archive.namelist()
        target = next((name for name in names if name.endswith('data.pkl')), names[0])
        target = target if rng.random() < 0.7 else pick(rng, names)
        for name in names:
            part = archive.read(name)
            packed = zipfile.ZIP_DEFLATED if rng.random() < 0.1 else zipfile.ZIP_STORED
            out.writestr(name, mutate(rng, part) if name == target else part, packed)
    return changed.getvalue()


def read_features(rng: np.random.Generator, folder: Path, suffix: str) -> str:
    """Reads a changed feature file; both readers say the same of its shape."""
    path = folder / f'a{suffix}'
    path.write_bytes(change(rng, pick(rng, FEATURES[suffix])))
    key = pick(rng, ['a', None])
    try:
        feature = read_feature(str(path), key)
    except UserInputError as error:
        _check_message(str(error), path)
        return 'refused'
    assert feature.ndim == 2 and feature.size and feature.dtype in (np.float16, np.float32)
    assert feature_shape(str(path), key) == feature.shape and feature.nbytes < 2**20
    feature.sum()
    return 'done'


def read_pack(rng: np.random.Generator, folder: Path) -> str:
    """Reads a changed packed file: every array that comes is right."""
    path = folder / f'{rng.integers(2**62)}.lmdb'  # since a file stays open
    changed = bytearray(PACK)
    for place in rng.integers(0, len(PACK), rng.integers(1, 5)):
        place = place if rng.random() < 0.3 else place // 4096 * 4096 + rng.integers(0, 200)
        changed[place] = rng.integers(256)
    path.write_bytes(changed if rng.random() < 0.9 else changed[: rng.integers(len(changed))])
    answer = 'done'
    try:
        for name in (f'{rng.integers(60):02d}', *sorted(list_folder(f'{path}/visual'))[:2]):
            try:
                feature_shape(f'{path}/visual/{name}')
                array = read_feature(f'{path}/visual/{name}')
                assert (array == int(name)).all() and array.shape in ((4, 8), (300, 8))
            except UserInputError as error:
                _check_message(str(error), path)
                answer = 'refused'
    except UserInputError as error:
        _check_message(str(error), path)
        answer = 'refused'
    feature_pack._files.clear()
    path.unlink()
    return answer


def read_weights(rng: np.random.Generator, folder: Path) -> str:
    """Reads a changed checkpoint, as a training does and as the converter of old ones does."""
    path = folder / 'a.pth'
    path.write_bytes(change(rng, pick(rng, CHECKPOINTS)))
    try:
        assert isinstance(read_checkpoint(str(path)), dict)
        answer = 'done'
    except UserInputError as error:
        _check_message(str(error), path)
        answer = 'refused'
    try:
        load_old_checkpoint(path)
    except UnpicklingError as error:
        _check_message(refusal(error), Path())
    except Exception:  # of torch and zipfile: told with the path by whoever calls
        pass
    return answer


def _check_message(text: str, path: Path) -> None:
    assert str(path) in text or path == Path(), text
    assert len(text) < 3000 and not any(advice in text for advice in ADVICE), text


FILES: dict[str, Callable] = {
    **{f'features {suffix}': partial(read_features, suffix=suffix) for suffix in FEATURES},
    'features .lmdb': read_pack,
    'checkpoints': read_weights,
}
