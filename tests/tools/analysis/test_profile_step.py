import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmdel.structures import StreamBatch
from mmdel.utils.packed_weights import pack_linears


def test_parts_share_what_a_step_and_inference_take(tiny_config, run_tool_here):
    done = run_tool_here('tools/analysis/profile_step.py', tiny_config, '--steps', 400, '--repeats', 1)
    assert done.returncode == 0, done.stderr
    tables = [{}, {}]
    for line in done.stdout.splitlines():
        if line.startswith('|') and 'GFLOPs' not in line:
            name, *cells = (cell.strip() for cell in line.split('|')[1:-1])
            tables['all' in tables[0]][name] = [float(cell.rstrip('%')) for cell in cells]
    step, inference = tables
    shared = ['align', 'stem', 'pyramid', 'neck', 'head']
    assert [*step] == [*shared, 'losses', 'optimizer', 'rest', 'all']
    assert [*inference] in ([*shared, 'decode', 'NMS', 'all'], [*shared, 'decode', 'NMS', 'rest', 'all'])
    for table in tables:
        for column, whole in enumerate(table['all']):
            assert sum(row[column] for row in table.values()) == pytest.approx(2 * whole, abs=0.06 * len(table))
    for part in shared:
        assert min(step[part][2:4]) > 0 and inference[part][2] > 0 == inference[part][3]
    assert step['optimizer'][2] > 0 == step['optimizer'][3]

    model = MODELS.build(Config.fromfile(tiny_config).model).eval()
    inputs = StreamBatch(dict(visual=torch.zeros(2, 400, 6), audio=torch.zeros(2, 400, 4)), torch.ones(2, 400).bool())
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(inputs, mode='tensor')
    products = counter.get_total_flops() / 1e9  # without attention, which torch does not count
    assert products <= inference['all'][0] + 0.05 and inference['all'][0] < 4 * products + 0.05


def test_packed_products_count_as_others(monkeypatch):
    monkeypatch.setattr(sys, 'path', [str(Path(__file__).resolve().parents[3] / 'tools/analysis'), *sys.path])
    from profile_step import PartFlops

    model = nn.Sequential(nn.Linear(6, 5)).bfloat16()
    pack_linears(model)
    with torch.no_grad(), PartFlops(SimpleNamespace(running=['neck'])) as counter:
        model(torch.zeros(3, 4, 6, dtype=torch.bfloat16))
    assert counter.flops == {('neck', False): 2 * 3 * 4 * 6 * 5}
