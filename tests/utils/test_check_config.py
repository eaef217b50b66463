"""Every mistake of the table ends in one line that names the key, before any data are read; a right config passes."""

from __future__ import annotations

import argparse
import random
import re
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import mmaction
import numpy as np
import pytest
import torch
from config_mistakes import MISTAKES

from mmdel.utils.check_config import check_config
from mmdel.utils.command_line import build_runner, load_config
from mmdel.utils.errors import UserInputError

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / 'docs/reliability.md'
STOCK = Path(mmaction.__file__).parent / '.mim/configs'
# One of each detector, and what is mixed; tests/configs/test_configs.py checks all others.
CONFIGS = sorted((ROOT / 'configs').glob('*_demo.py')) + sorted((ROOT / 'configs/mixing').glob('*.py'))


@pytest.fixture(autouse=True)
def _without_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo's data, whose folder tells its steps, are not here, wherever they have been made."""
    monkeypatch.chdir(tmp_path)


def load(path: Path) -> Mapping:
    return load_config(
        argparse.Namespace(config=str(path), launcher='none', work_dir=None, local_rank=0, cfg_options=None)
    )


def message(lines: str, folder: Path) -> str:
    """What a tool says of the demo's config with these lines added."""
    path = folder / 'mine.py'
    path.write_text(f'_base_ = [{str(ROOT / "configs/del_demo.py")!r}]\n{lines}\n')

    def read_data() -> Mapping:
        raise AssertionError('the data are read')

    with pytest.raises(UserInputError) as error:
        build_runner(load(path), read_data)
    return str(error.value).replace(str(folder) + '/', '')


@pytest.mark.parametrize(('lines', 'parts'), MISTAKES, ids=[lines for lines, _ in MISTAKES])
def test_a_mistake_is_named(lines: str, parts: tuple[str, ...], tmp_path: Path) -> None:
    said = message(lines, tmp_path)
    assert [part for part in parts if part not in said] == []
    assert said.startswith(('mine.py: ', 'the config mine.py cannot be read: mine.py'))
    said = said.removeprefix('the config mine.py cannot be read: ').removeprefix('mine.py: ')
    row = f'| {code(lines)} | {code(said)} |'
    print(row)  # as it should be
    assert row in rows_of_page()


def test_the_page_tables_them_all() -> None:
    assert [row.split(' | ')[0] for row in rows_of_page()] == [f'| {code(lines)}' for lines, _ in MISTAKES]
    assert len({lines for lines, _ in MISTAKES}) == len(MISTAKES) >= 120


def rows_of_page() -> list[str]:
    section = PAGE.read_text(encoding='utf-8').partition('## Mistakes in a config')[2].partition('\n## ')[0]
    return re.findall(r'^\| `.*$', section, re.MULTILINE)


def code(text: str) -> str:
    """A text as code in a cell of a table."""
    return '`' + text.replace('\n', '; ').replace('|', '\\|') + '`'


@pytest.mark.parametrize(
    'command',
    [
        ('tools/train.py', 'mine.py'),
        ('tools/test.py', 'mine.py', 'none.pth'),
        ('tools/data/check.py', 'mine.py'),
        ('tools/analysis/evaluate.py', 'mine.py', 'none.json'),
        ('tools/analysis/benchmark.py', 'mine.py'),
    ],
)
def test_every_tool_says_so(command: tuple[str, ...], tmp_path: Path, run_tool_here) -> None:
    base = str(ROOT / 'configs/del_demo.py')
    (tmp_path / 'mine.py').write_text(f'_base_ = [{base!r}]\nmodel = dict(backbone=dict(attn_window=18))\n')
    done = run_tool_here(*command, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith('error: mine.py: model.backbone.attn_window = 18: an attention window must be')
    assert [path.name for path in tmp_path.iterdir()] == ['mine.py']


def test_a_right_config_passes() -> None:
    assert len(CONFIGS) > 12
    for path in CONFIGS:
        load(path)


@pytest.mark.parametrize('name', ['del_demo', 'del_unav100', 'bmn_anet13'])
def test_it_costs_less_than_a_second(name: str) -> None:
    cfg = load(ROOT / f'configs/{name}.py')  # with the imports
    begin = time.process_time()
    check_config(cfg)
    assert time.process_time() - begin < 1


@pytest.mark.parametrize('name', ['bmn', 'bsn', 'tcanet', 'drn'])
def test_mmaction_s_own_localizers_pass(name: str) -> None:
    paths = sorted((STOCK / 'localization' / name).glob('*.py'))
    assert paths
    for path in paths:
        load(path)


@pytest.mark.skipif(find_spec('mmdet') is not None, reason='it is not missing here')
def test_a_part_of_a_package_that_is_not_there_is_named() -> None:
    (path, *_) = sorted((STOCK / 'detection/slowfast').glob('*.py'))
    with pytest.raises(UserInputError, match=r'model\.type: there is no model part FastRCNN'):
        load(path)


def test_random_numbers_go_on_as_before() -> None:
    def states() -> tuple:
        return random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()

    before = states()
    load(ROOT / 'configs/del_demo.py')
    assert states() == before
