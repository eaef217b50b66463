import json
import re
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS

TOOL = 'tools/analysis/benchmark.py'


def rows_of(done) -> list[list[str]]:
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith('|')]
    return [[cell.strip() for cell in line.split('|')[1:-1]] for line in lines]


def counts_of(done) -> dict[str, list[str]]:
    return {name: numbers for name, *numbers in rows_of(done)}


def test_a_model_is_timed_beside_the_reference(tiny_config, run_tool_here, half_precision, tmp_path):
    path = tmp_path / 'numbers.json'
    options = ('--steps', 40, 20, '--batch-sizes', 2, '--repeats', 1, '--json', path, '--plot', tmp_path / 'speed.png')
    done = run_tool_here(TOOL, tiny_config, *options)
    heads = [row for row in rows_of(done) if row[0].startswith('T =')]
    assert heads == [[f'T = {num_steps}, 2 videos', 'reference', 'float32', 'bf16'] for num_steps in (40, 20)]
    assert (tmp_path / 'speed.png').stat().st_size > 1000

    found = json.loads(path.read_text())['measurements']
    tasks = ['forward', 'decode', 'suppress', 'inference', 'step']  # the config has no contrastive loss
    formats = ['reference', 'float32', 'bf16']
    cases = [(num_steps, task, name) for num_steps in (40, 20) for task in tasks for name in formats]
    assert [(one['num_steps'], one['task'], one['number_format']) for one in found] == cases
    by_case = dict(zip(cases, found, strict=True))
    for (num_steps, task, name), one in by_case.items():
        reference = by_case[num_steps, task, 'reference']
        assert one['seconds'] > 0 and one['ratio'] == pytest.approx(one['seconds'] / reference['seconds'])
        assert one['difference'] < dict(reference=1e-9, float32=1e-4, bf16=0.02)[name]
        if task in ('inference', 'step'):
            assert one['memory_ratio'] == pytest.approx(one['peak_bytes'] / reference['peak_bytes'])
    assert by_case[40, 'step', 'float32']['peak_bytes'] > by_case[20, 'step', 'float32']['peak_bytes']
    printed = next(row for row in rows_of(done) if row[0] == 'step')
    assert printed[1] == f'{1e3 * by_case[40, "step", "reference"]["seconds"]:.1f} ms (1.000)'


def test_aims_are_printed_where_they_were_measured(tiny_config, run_tool_here):
    options = ('--steps', 224, '--batch-sizes', 1, '--repeats', 1, '--tasks', 'inference')
    rows = [row for row in rows_of(run_tool_here(TOOL, tiny_config, *options)) if row[-1].startswith('≤')]
    assert [row[0] for row in rows] == [
        'inference, ratio, T = 224, batch of 1',
        'inference, memory ratio, T = 224, batch of 1',
    ]
    assert all(row[1] == 'float32' and float(row[2]) > 0 for row in rows)


def test_peak_memory_is_that_of_the_tensors_held_at_once(monkeypatch):
    monkeypatch.setattr(sys, 'path', [str(Path(__file__).resolve().parents[3] / 'tools/analysis'), *sys.path])
    from model_runs import peak_bytes

    held = torch.zeros(1000)

    def call():
        first = torch.zeros(500)
        del first
        second, third = torch.zeros(300), held + 1
        return second, third

    assert peak_bytes(call, torch.device('cpu')) == pytest.approx(4 * 1300, abs=100)


def test_the_parts_of_a_config_are_counted(tiny_config, run_tool_here):
    """Of 2 T C_in C_out k operations each; the levels have T + T / 2 + T / 4 steps, and few between them."""
    counts = counts_of(run_tool_here(TOOL, tiny_config, '--counts', '--steps', 1024))
    assert {'backbone', 'neck', 'head.cls_tower', 'head.regressor.tower', 'all'} <= counts.keys()
    # Two convolutions 32 → 16 → 16 of three steps with norms, and one to two classes with biases.
    assert counts['head.cls_tower'][0] == f'{32 * 16 * 3 + 16 * 16 * 3 + 2 * 2 * 16 + 16 * 2 * 3 + 2:,}'
    parts = [int(numbers[0].replace(',', '')) for name, numbers in counts.items() if name not in ('part', 'all')]
    model = MODELS.build(Config.fromfile(tiny_config).model)
    everything = sum(parameter.numel() for parameter in model.parameters())
    assert sum(parts) == everything and counts['all'][0] == f'{everything:,}'

    steps = 1024 + 512 + 256
    products = 3 * (32 * 16 + 16 * 16 + 16 * 2)
    assert abs(float(counts['head.cls_tower'][1]) - 2 * steps * products / 1e9) <= 0.0006
    parts = [float(numbers[1]) for name, numbers in counts.items() if name not in ('part', 'all')]
    assert abs(sum(parts) - float(counts['all'][1])) < 0.001 * len(parts)


def test_what_cannot_be_counted_or_timed_is_told(tmp_path, run_tool_here):
    done = run_tool_here(TOOL, tmp_path / 'none.py')
    assert done.returncode == 2 and done.stderr.startswith('error: there is no config file')
    config = tmp_path / 'bmn.py'
    config.write_text("_base_ = 'bmn_demo.py'")
    done = run_tool_here(TOOL, config, '--counts', '--steps', 100)
    assert re.search('GFLOPs: the localizer needs 128 steps', done.stdout)
    assert {len(row) for row in rows_of(done)} == {3} and counts_of(done)['all'][1] == ''
    done = run_tool_here(TOOL, config, '--steps', 128)
    assert done.returncode == 2 and 'only an EventDetector is timed' in done.stderr


def test_without_room_for_the_reference_the_first_format_is_one(tiny_config, run_tool_here, half_precision, tmp_path):
    path = tmp_path / 'numbers.json'
    options = (
        '--steps',
        224,
        '--batch-sizes',
        40,
        '--tasks',
        'forward',
        '--repeats',
        1,
        '--formats',
        'float32',
        'bf16',
    )
    rows = rows_of(run_tool_here(TOOL, tiny_config, *options, '--json', path))
    assert ['T = 224, 40 videos', 'float32', 'bf16'] in rows and not any(row[-1].startswith('≤') for row in rows)
    first, second = json.loads(path.read_text())['measurements']
    assert first['ratio'] == 1 and second['ratio'] == pytest.approx(second['seconds'] / first['seconds'])


def test_what_is_computed_twice_is_not_kept(tiny_config, run_tool_here, tmp_path):
    peaks = []
    for options in ([], ['--cfg-options', 'activation_checkpointing=backbone,neck']):
        path = tmp_path / 'numbers.json'
        options = ['--steps', 64, '--tasks', 'step', '--formats', 'float32', '--repeats', 1, '--json', path, *options]
        rows_of(run_tool_here(TOOL, tiny_config, *options))
        peaks.append([one['peak_bytes'] for one in json.loads(path.read_text())['measurements'][1::2]])  # not the naive
    assert all(twice < 0.9 * once for once, twice in zip(*peaks, strict=True)), peaks
