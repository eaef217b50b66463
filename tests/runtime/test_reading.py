"""Feature files that are read without torch: plain numbers, or an error that names them."""

import numpy as np
import pytest

from mmdel.runtime.reading import read_npy
from mmdel.utils.errors import UserInputError


def test_numbers_are_mapped(tmp_path):
    feature = np.arange(6, dtype=np.float16).reshape(3, 2)
    np.save(tmp_path / 'x.npy', feature)
    read = read_npy(str(tmp_path / 'x.npy'))
    assert isinstance(read, np.memmap)
    np.testing.assert_array_equal(read, feature)


def test_all_else_is_refused(tmp_path):
    np.save(tmp_path / 'objects.npy', np.array([print, None], dtype=object), allow_pickle=True)
    np.savez(tmp_path / 'archive.npz', x=np.ones(3))
    (tmp_path / 'archive.npz').rename(tmp_path / 'archive.npy')
    (tmp_path / 'text.npy').write_text('0 1 2')
    np.save(tmp_path / 'cut.npy', np.ones((100, 100)))
    (tmp_path / 'cut.npy').write_bytes((tmp_path / 'cut.npy').read_bytes()[:500])
    (tmp_path / 'empty.npy').touch()
    for name in ('objects', 'archive', 'text', 'cut', 'empty'):
        with pytest.raises(UserInputError, match=rf'{name}\.npy is no \.npy file of numbers'):
            read_npy(str(tmp_path / f'{name}.npy'))
    with pytest.raises(UserInputError, match=r'Cannot read the feature \S+none\.npy'):
        read_npy(str(tmp_path / 'none.npy'))
