import json

import pytest

TOOL = 'tools/analysis/benchmark_onnx.py'


def test_every_format_has_its_size_time_error_and_map(tiny_training, tiny_config, run_tool_here, tmp_path):
    checkpoint = tiny_training[0] / 'epoch_2.pth'
    done = run_tool_here(TOOL, tiny_config, checkpoint, '--steps', 20, '--repeats', 2)
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line.split('|')[1:-1]] for line in done.stdout.splitlines() if '|' in line]
    assert rows[0] == ['', 'file, MB', 'ms', 'share', 'error', 'mAP']
    table = {name: values for name, *values in rows[1:]}
    assert list(table) == ['PyTorch, float32', 'PyTorch, bfloat16', *(f'ONNX Runtime, {kind}' for kind in KINDS)]
    assert table['PyTorch, float32'][2:4] == ['1.00', '0'] and all(float(row[1]) > 0 for row in table.values())
    pairs = [[float(table[f'ONNX Runtime, {kind}'][place]) for place in (0, 3)] for kind in KINDS]
    sizes, errors = zip(*pairs, strict=True)
    assert min(sizes) > 0
    assert errors[0] < 1e-5 < errors[1] < errors[2] < 0.05

    tested = run_tool_here('tools/test.py', tiny_config, checkpoint, '--work-dir', tmp_path)
    assert tested.returncode == 0, tested.stderr
    (scores,) = (json.loads(path.read_text()) for path in tmp_path.glob('*/*.json'))
    for name in ('PyTorch, float32', 'ONNX Runtime, float32'):
        assert float(table[name][4]) == pytest.approx(scores['event/mAP'], abs=0.006)


KINDS = 'float32', 'float16', 'int8'
