"""configs/metafile.yml and docs/model_zoo.md tell of every config, and what they say of it is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
import yaml
from mmengine.config import Config

from mmdel.registry import MODELS

ROOT = Path(__file__).resolve().parents[1]
INDEX = yaml.safe_load((ROOT / 'configs/metafile.yml').read_text())
ENTRIES = {entry['Name']: entry for entry in INDEX['Models']}
TEMPLATE = 'del_custom'  # a config to copy, of no data set


def num_parameters(path: Path) -> int:
    with torch.device('meta'):
        return sum(parameter.numel() for parameter in MODELS.build(Config.fromfile(path).model).parameters())


def test_every_config_is_listed_and_nothing_else() -> None:
    assert sorted(ENTRIES) == sorted(p.stem for p in (ROOT / 'configs').glob('*.py') if p.stem != TEMPLATE)
    collections = {collection['Name'] for collection in INDEX['Collections']}
    assert {entry['In Collection'] for entry in ENTRIES.values()} == collections
    assert all((ROOT / collection['Code']['URL']).is_file() for collection in INDEX['Collections'])


@pytest.mark.parametrize('name', ENTRIES)
def test_an_entry_says_what_its_config_says(name: str) -> None:
    entry = ENTRIES[name]
    cfg = Config.fromfile(ROOT / entry['Config'])
    assert entry['Config'] == f'configs/{name}.py'
    assert entry['Metadata']['Epochs'] == cfg.train_cfg.max_epochs
    assert entry['Metadata']['Batch Size'] == cfg.train_dataloader.batch_size
    assert entry['Metadata']['Modality'] == list(cfg.train_dataloader.dataset.streams)
    assert entry['Metadata']['Parameters'] == num_parameters(ROOT / entry['Config'])


def test_no_checkpoint_is_claimed() -> None:
    assert not any({'Weights', 'Results'} & entry.keys() for entry in ENTRIES.values())


def test_the_model_zoo_gives_each_config_with_its_size() -> None:
    page = (ROOT / 'docs/model_zoo.md').read_text()
    rows = re.findall(r'^\| \[(\w+)\]\(\.\./configs/(\w+)\.py\) \| ([\d.]+) M \|', page, flags=re.MULTILINE)
    assert sorted(name for name, _, _ in rows) == sorted(ENTRIES)
    for name, linked, millions in rows:
        assert name == linked
        assert float(millions) == pytest.approx(ENTRIES[name]['Metadata']['Parameters'] / 1e6, abs=0.051)
