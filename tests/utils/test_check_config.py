"""Every mistake of the table ends in one line that names the key, before any data are read."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from config_mistakes import MISTAKES
from mmengine.config import Config

from mmdel.utils.check_config import check_config
from mmdel.utils.command_line import build_runner, load_config
from mmdel.utils.errors import UserInputError

ROOT = Path(__file__).resolve().parents[2]


def message(text: str, folder: Path) -> str:
    """What a tool says of the demo's config with these lines added."""
    path = folder / 'mine.py'
    path.write_text(f'_base_ = [{str(ROOT / "configs/del_demo.py")!r}]\n{text}\n')

    def read_data() -> Mapping:
        raise AssertionError('the data are read')

    with pytest.raises(UserInputError) as error:
        build_runner(load_config(argparse.Namespace(config=str(path), launcher='none', work_dir=None, local_rank=0, cfg_options=None)), read_data)
    return str(error.value)


@pytest.mark.parametrize(('text', 'parts'), MISTAKES, ids=[text for text, _ in MISTAKES])
def test_a_mistake_is_named(text: str, parts: tuple[str, ...], tmp_path: Path) -> None:
    said = message(text, tmp_path)
    print(said.replace(str(tmp_path), ''))
    assert [part for part in parts if part not in said] == []
    assert '\n' not in said
