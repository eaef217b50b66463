"""Hostile feature files: each is refused in words that name it, or is harmless; none crashes, hangs or takes memory."""

from __future__ import annotations

import io
import os
import pickle
import re
import socket
import struct
import warnings
import zipfile

import numpy as np
import pytest
import torch
from documented import documented
from sandbox import run_apart

from mmdel.datasets.feature_store import feature_shape
from mmdel.datasets.transforms.loading import load_feature_file
from mmdel.utils.errors import UserInputError

ARRAY = np.ones((4, 3), np.float32)


def npy(shape: str = '(4, 3)', descr: str = "'<f4'", order: str = 'False', content: bytes = ARRAY.tobytes()) -> bytes:
    """An ``.npy`` file whose header says so."""
    header = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}".encode()
    header += b' ' * (-len(header) % 64 + 53) + b'\n'
    return b'\x93NUMPY\1\0' + struct.pack('<H', len(header)) + header + content


def npz(*members: tuple[str, bytes], packed: bool = False) -> bytes:
    buffer = io.BytesIO()
    made = zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED)
    with made as archive, warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of two parts of one name
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def saved(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def bomb() -> bytes:
    """A ``.npz`` of 0.3 MB that holds 0.3 GB."""
    buffer = io.BytesIO()
    packed = zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED, compresslevel=1)
    with packed as archive, archive.open('a.npy', 'w') as file:
        file.write(npy('(65792, 1024)', content=b''))
        for _ in range(257):
            file.write(bytes(2**20))
    return buffer.getvalue()


def repacked(content: bytes) -> bytes:
    """A file of torch, compressed, which torch itself reads as well."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return npz(*((name, archive.read(name)) for name in archive.namelist()), packed=True)


def with_record(content: bytes, name: str, value: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [(item, archive.read(item)) for item in archive.namelist()]
    return npz(*((item, value if item.endswith(name) else old) for item, old in members))


def nested(depth: int) -> list:
    inner: list = []
    for _ in range(depth):
        inner = [inner]
    return inner


class Call:
    """Pickles as a call."""

    def __init__(self, function, *args) -> None:
        self.call = function, args

    def __reduce__(self):
        return self.call


TENSOR = torch.ones(4, 3)
REFUSED = {  # name → content, what the message says
    'shape of terabytes.npy': (npy('(1000000000, 1000000)'), 'cut off'),
    'shape beyond 64 bits.npy': (npy(f'({2**70}, {2**70})'), 'cut off'),
    'shape that wraps around.npy': (npy(f'({2**62}, 4)'), 'cut off'),
    'number of 4000 digits.npy': (npy(f'({"9" * 4000}, 1)'), 'cut off'),
    'negative.npy': (npy('(-4, -3)'), 'negative length'),
    'empty.npy': (npy('(0, 3)'), 'expected an array'),
    'thousand axes.npy': (npy(str((1,) * 1000)), 'expected an array'),
    'scalar.npy': (npy('()'), 'expected an array'),
    'objects.npy': (npy(descr="'|O'", content=pickle.dumps([1] * 12)), 'of object'),
    'texts.npy': (npy(descr="'<U1000'", content=bytes(48000)), 'expected an array'),
    'fields.npy': (npy(descr="[('a', '<f4')]"), 'expected an array'),
    'objects in fields.npy': (npy(descr="[('a', '|O')]"), 'expected an array'),
    'sub-arrays.npy': (npy(descr="('<f4', (1000000, 1000000))"), 'cut off'),
    'type of no size.npy': (npy(descr="'|V0'"), 'expected an array'),
    'complex.npy': (npy(descr="'<c8'", content=bytes(96)), 'expected an array'),
    'code in the header.npy': (npy("__import__('os').abort()"), 'cut off or damaged'),
    'deep header.npy': (npy('(' * 8000 + ')' * 1000), 'cut off or damaged'),
    'long header.npy': (b'\x93NUMPY\2\0' + struct.pack('<I', 2**32 - 1) + bytes(5000), 'cut off or damaged'),
    'unknown version.npy': (b'\x93NUMPY\xff\xff' + bytes(100), 'cut off or damaged'),
    'archive.npy': (npz(('a.npy', npy())), 'a zip archive'),
    'bomb.npz': (bomb, 'claim to hold 26948'),
    'header of terabytes.npz': (npz(('a.npy', npy('(1000000000, 1000000)'))), 'cut off'),
    'objects.npz': (npz(('a.npy', npy(descr="'|O'", content=pickle.dumps([1] * 12)))), 'of object'),
    'no arrays.npz': (npz(('a.txt', b'text'), ('../../b.npz', b'')), r'it holds the arrays \[\]'),
    'two of one name.npz': (npz(('a.npy', npy()), ('a.npy', npy('(3, 4)'))), "arrays \\['a', 'a'\\]"),
    'hostile names.npz': (npz(('\x1b[2J\n.npy', npy()), ('../x.npy', npy())), r"'\\x1b\[2J\\n', '\.\./x'"),
    'ten thousand arrays.npz': (npz(*((f'{i}.npy', b'') for i in range(10_000))), "'9', …"),
    'wrong checksum.npz': (npz(('a.npy', npy())).replace(ARRAY.tobytes(), bytes(48)), 'damaged'),
    'no array inside.npz': (npz(('a.npy', b'text')), 'damaged'),
    'no zip archive.npz': (b'PK\3\4' + bytes(1000), 'damaged'),
    'strides of 10 GB.pt': (saved(torch.ones(1).expand(50_000, 50_000)), 'claims to hold 2500000000 numbers'),
    'strides of 2 numbers.pt': (saved(torch.ones(1, 3).expand(2, 3)), 'claims to hold 6 numbers'),
    'bomb.pt': (repacked(saved(torch.zeros(1000, 1000))), 'bytes claim to hold 4'),
    'storage cut off.pt': (with_record(saved(TENSOR), 'data/0', bytes(4)), 'cut off or damaged'),
    'list.pt': (saved([[1.0, 2.0]]), 'it holds a list, not a tensor'),
    'text.pt': (saved('text'), 'it holds a str'),
    'two.pt': (saved({'a': TENSOR, 'b': TENSOR, 3: TENSOR}), r"it holds the arrays \['a', 'b'\]"),
    'tensors as names.pt': (saved({TENSOR: TENSOR}), r'it holds the arrays \[\]'),
    'sparse.pt': (saved(TENSOR.to_sparse()), 'a tensor that is torch.sparse_coo'),
    'meta.pt': (saved(torch.empty(10**9, 10**6, device='meta')), 'a tensor that is without numbers'),
    'complex.pt': (saved(torch.ones(4, 3, dtype=torch.complex64)), 'of complex64; expected an array'),
    'truths.pt': (saved(TENSOR > 0), 'of bool; expected an array'),
    'vector.pt': (saved(torch.ones(4)), 'expected an array'),
    'code.pt': (saved(Call(os.system, 'true')), 'something else than tensors'),
    'code by name.pth': (saved({'a': TENSOR, 'b': Call(eval, '1')}), 'something else than tensors'),
    'terabyte of bytes.pt': (
        saved([Call(bytearray, 10**12), TENSOR]),
        'does not fit in the memory|something else than tensors',
    ),
    'pickle.pt': (pickle.dumps(Call(os.system, 'true'), 2), 'a pickle|something else than tensors'),
    'empty.pt': (b'', 'empty'),
    'NaN.npy': (npy(content=np.full(12, np.nan, '<f4').tobytes()), 'NaN or infinity, first in step 0'),
}
HARMLESS = {
    'as it should be.npy': npy(),
    'large end first.npy': npy(descr="'>f4'", content=ARRAY.astype('>f4').tobytes()),
    'columns first.npy': npy(order='True'),
    'with more behind.npy': npy(content=ARRAY.tobytes() + bytes(100)),
    'a text beside.npz': npz(('a.npy', npy()), ('b.txt', b'text')),
    'packed.npz': npz(('a.npy', npy()), packed=True),
    'nested.pt': saved({'a': TENSOR, 'b': nested(300)}),
}


@pytest.mark.parametrize('name', REFUSED)
def test_it_is_refused(name, tmp_path):
    content, said = REFUSED[name]
    path = tmp_path / name
    path.write_bytes(content() if callable(content) else content)
    answers = run_apart(lambda: both(str(path))).removeprefix('read: ').split('\t')
    for answer in answers if 'NaN' not in name and 'checksum' not in name else answers[:1]:
        assert answer.startswith('refused: ') and str(path) in answer and len(answer) < 1000, answer
        assert re.search(said, answer), answer


def both(path: str) -> str:
    """What the reader of a feature says of a file, and what that of its shape says, with a tab between."""
    answers = []
    for read in (load_feature_file, feature_shape):
        try:
            answers.append(f'read: {read(path)}')
        except UserInputError as error:
            answers.append(f'refused: {error}')
    return '\t'.join(answers)


@pytest.mark.parametrize('name', HARMLESS)
def test_it_is_read(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(HARMLESS[name])
    key = 'a' if name == 'nested.pt' else None
    assert run_apart(lambda: load_feature_file(str(path), key).tolist()) == f'read: {ARRAY.tolist()}'


@pytest.mark.parametrize('suffix', ['.npy', '.npz', '.pt', '.pth', '.lmdb/visual/a', '.csv'])
def test_what_is_no_file_is_not_waited_for(suffix, tmp_path):
    path = tmp_path / f'a{suffix.partition("/")[0]}'
    for make, said in (
        (os.mkfifo, 'a pipe'),
        (os.mkdir, 'a folder'),
        (lambda path: os.symlink('/dev/zero', path), 'a device'),
        (lambda path: socket.socket(socket.AF_UNIX).bind(os.path.relpath(path)), 'a socket'),
    ):
        make(path)
        for answer in run_apart(lambda: both(str(tmp_path / f'a{suffix}'))).removeprefix('read: ').split('\t'):
            assert answer.startswith('refused: unreadable-file') and str(path) in answer
            assert suffix == '.csv' or f'it is {said}, not a file' in answer
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def test_a_file_of_holes_is_not_read_for_days(tmp_path):
    path = tmp_path / 'holes.npy'
    path.write_bytes(npy('(1000000000, 1000)', content=b''))
    os.truncate(path, 4 * 10**12 + 1000)
    assert 'no more than 4294967296' in run_apart(lambda: load_feature_file(str(path)))


def test_every_one_of_them_stands_in_the_docs_with_what_is_said_of_it():
    rows = documented('Feature files')
    assert rows.keys() >= REFUSED.keys()
    for name, (_, said) in REFUSED.items():
        assert re.search(said, rows[name]), name
