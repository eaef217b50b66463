"""Writers of miniature copies of what one downloads."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from converters import LAYOUTS, Sources, make_plan
from mmengine.config import Config

from mmdel.datasets.from_config import build_datasets

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def src(tmp_path) -> Path:
    """The folder of what was downloaded."""
    return tmp_path / 'src'


@pytest.fixture
def write(src):
    """Writes a file under ``src``: a mapping as JSON, text, or an array by its shape."""

    def write_file(path: str, content) -> Path:
        file = src / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, tuple):
            np.save(file, np.full(content, 0.5, np.float32))
        elif isinstance(content, dict):
            file.write_text(json.dumps(content))
        else:
            file.write_text(content)
        return file

    return write_file


@pytest.fixture
def prepared(src, tmp_path):
    """Prepares a data set under ``out`` and returns that folder and the plan."""

    def prepare(name: str):
        out = tmp_path / 'out'
        plan = make_plan(LAYOUTS[name], Sources(src), out)
        for path, file in plan.outstanding().items():
            file.make(path)
        return out, plan

    return prepare


@pytest.fixture
def dataset_of(monkeypatch, tmp_path):
    """The data sets of a config's loaders on a prepared folder."""

    def build(config: str, variable: str, *splits: str):
        monkeypatch.setenv(variable, str(tmp_path / 'out'))
        cfg = Config.fromfile(ROOT / config)
        return build_datasets(cfg, *splits).values()

    return build
