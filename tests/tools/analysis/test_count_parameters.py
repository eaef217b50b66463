import re

from mmengine.config import Config
from mmengine.registry import MODELS


def table_of(done) -> dict[str, list[str]]:
    assert done.returncode == 0, done.stderr
    rows = [line.split('|')[1:-1] for line in done.stdout.splitlines() if line.startswith('|')]
    return {name.strip(): [number.strip() for number in numbers] for name, *numbers in rows}


def test_the_parts_of_a_config_are_counted(tiny_config, run_tool_here):
    counts = table_of(run_tool_here('tools/analysis/count_parameters.py', tiny_config))
    assert {'backbone', 'neck', 'head.cls_tower', 'head.regressor.tower', 'all'} <= counts.keys()
    # Two convolutions 32 → 16 → 16 of three steps with norms, and one to two classes with biases.
    assert counts['head.cls_tower'] == [f'{32 * 16 * 3 + 16 * 16 * 3 + 2 * 2 * 16 + 16 * 2 * 3 + 2:,}']
    parts = [int(number.replace(',', '')) for name, (number,) in counts.items() if name not in ('part', 'all')]
    model = MODELS.build(Config.fromfile(tiny_config).model)
    everything = sum(parameter.numel() for parameter in model.parameters())
    assert sum(parts) == everything and counts['all'] == [f'{everything:,}']


def test_the_operations_of_a_part_are_those_of_its_products(tiny_config, run_tool_here):
    """Of 2 T C_in C_out k operations each; the levels have T + T / 2 + T / 4 steps, and few between them."""
    counts = table_of(run_tool_here('tools/analysis/count_parameters.py', tiny_config, '--steps', 4096))
    assert counts['part'][1] == 'GFLOPs, T = 4096'
    steps = 4096 + 2048 + 1024
    products = 3 * (32 * 16 + 16 * 16 + 16 * 2)
    assert abs(float(counts['head.cls_tower'][1]) - 2 * steps * products / 1e9) <= 0.0006
    parts = [float(numbers[1]) for name, numbers in counts.items() if name not in ('part', 'all')]
    assert abs(sum(parts) - float(counts['all'][1])) < 0.001 * len(parts)


def test_what_cannot_be_counted_is_told(tmp_path, run_tool_here):
    done = run_tool_here('tools/analysis/count_parameters.py', tmp_path / 'none.py')
    assert done.returncode == 2 and done.stderr.startswith('error: there is no config file')
    config = tmp_path / 'bmn.py'
    config.write_text("_base_ = 'bmn_demo.py'")
    done = run_tool_here('tools/analysis/count_parameters.py', config, '--steps', 100)
    assert done.returncode == 2 and re.search(r'--steps 100: the localizer needs 128 steps', done.stderr)
