from __future__ import annotations

from pathlib import Path

import pytest

from mmdel.utils.errors import UserInputError
from mmdel.utils.read_config import is_config, read_config


@pytest.mark.parametrize(
    ('base', 'mine', 'said'),
    [
        ('a = 1\nb = [', '', r'base\.py, line 2: .* never closed: b = \[$'),
        ('a = 1\n\nb = c', '', r"base\.py, line 3: NameError: name 'c' is not defined$"),
        ('a = 1', 'a = (\n1', r'mine\.py, line 2: .* never closed'),
        ('', '\n\nb = dict(**_base_.a)', r"mine\.py, line 4: the base has no 'a'$"),
        ('alpha = 1', 'b = _base_.alfa', r"mine\.py, line 2: the base has no 'alfa'; did you mean alpha\?$"),
        ('a = dict(b=dict(c=3))', 'a = dict(b=dict(c=dict(d=4)))', r"mine\.py, a\.b\.c: \{'d': 4\} cannot change 3 of"),
        ("_base_ = 'bse.py'", '', r'base\.py: there is no base .*/bse\.py; did you mean base\.py\?$'),
        ("_base_ = ['x.py', 'y.py']", '', r'base\.py: KeyError: Duplicate key is not allowed among bases.*same'),
        ("custom_imports = dict(imports=['no.module'])", '', r"mine\.py, custom_imports: .*No module named 'no'"),
        ('text = 1', '', r'mine\.py: KeyError: text is reserved for config file'),
    ],
)
def test_file_and_line_or_key_are_named(base: str, mine: str, said: str, tmp_path: Path) -> None:
    for name in 'xy':
        (tmp_path / f'{name}.py').write_text('same = 1\n')
    (tmp_path / 'base.py').write_text(base)
    (tmp_path / 'mine.py').write_text(f"_base_ = 'base.py'\n{mine}\n")
    with pytest.raises(UserInputError, match=said) as error:
        read_config(str(tmp_path / 'mine.py'))
    assert str(error.value).startswith(f'the config {tmp_path}/mine.py cannot be read: ')
    assert '\n' not in str(error.value)


def test_a_file_that_is_not_there_has_its_nearest(tmp_path: Path) -> None:
    (tmp_path / 'del_demo.py').write_text('')
    with pytest.raises(UserInputError, match=r'there is no config file .*/del_dmo\.py; did you mean del_demo\.py\?'):
        read_config(str(tmp_path / 'del_dmo.py'))
    with pytest.raises(UserInputError, match=r'there is no config file nowhere/a\.py$'):
        read_config('nowhere/a.py')


def test_a_config_is_read_with_its_bases(tmp_path: Path) -> None:
    (tmp_path / 'base.py').write_text('a = dict(b=1, c=2)\n')
    (tmp_path / 'mine.py').write_text("_base_ = 'base.py'\na = dict(c=3)\n")
    assert read_config(str(tmp_path / 'mine.py')).a == dict(b=1, c=3)


def test_a_bare_name_is_a_file_here_or_else_a_shipped_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_config('del_unav100').model.head.num_classes == 100
    assert list(read_config('ablations/del_unav100_audio').train_dataloader.dataset.streams) == ['audio']
    with pytest.raises(UserInputError, match=r'no config file del_unav10; did you mean del_unav100\?$'):
        read_config('del_unav10')
    with pytest.raises(UserInputError, match=r'no config file del_unav100\.py$'):
        read_config('del_unav100.py')  # a file is asked for, and there is none here
    (tmp_path / 'del_unav100.py').write_text('a = 1')
    assert read_config('del_unav100').to_dict() == dict(a=1)
    (tmp_path / 'del_demo').write_text('video,start,end,label')
    assert is_config('del_unav100') and is_config('none.py') and is_config('del_grid')
    assert not is_config('del_demo') and not is_config('none.csv')
