"""The table of memory over a training and a test."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import torch

PATH = Path(__file__).resolve().parents[3] / 'tools/analysis/measure_memory.py'


def load():
    spec = importlib.util.spec_from_file_location('measure_memory', PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_row_comes_after_so_many_iterations_and_videos(capsys, monkeypatch):
    tool = load()
    hook = tool.MemoryHook(3)
    for iteration in range(7):
        hook.after_train_iter(SimpleNamespace(iter=iteration), 0, {}, {})
    model = SimpleNamespace(eval=lambda: None, test_step=lambda batch: batch)
    runner = SimpleNamespace(model=model, _test_dataloader={}, build_dataloader=lambda config: [[0, 0], [0, 0], [0]])
    monkeypatch.setattr(tool, 'NUM_ROWS', 2)
    tool.predict(runner, 8)
    rows = [line.split('|')[1].strip() for line in capsys.readouterr().out.splitlines()]
    assert rows == ['3 iterations', '6 iterations', '4 videos', '9 videos']


def test_memory_is_that_of_this_process():
    tool = load()
    before = tool.memory_mb()
    kept = torch.ones(2**25, device='cuda' if torch.cuda.is_available() else 'cpu')
    assert 100 < tool.memory_mb() - before < 200 and kept.numel() * 4 / 1e6 > 134
