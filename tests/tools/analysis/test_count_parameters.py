from mmengine.config import Config
from mmengine.registry import MODELS


def test_the_parts_of_a_config_are_counted(tiny_config, run_tool_here):
    done = run_tool_here('tools/analysis/count_parameters.py', tiny_config)
    assert done.returncode == 0, done.stderr
    rows = [line.split('|')[1:3] for line in done.stdout.splitlines() if line.startswith('|')]
    counts = {name.strip(): number.strip() for name, number in rows}
    assert {'backbone', 'neck', 'head.cls_tower', 'head.regressor.tower', 'all'} <= counts.keys()
    # Two convolutions 32 → 16 → 16 of three steps with norms, and one to two classes with biases.
    assert counts['head.cls_tower'] == f'{32 * 16 * 3 + 16 * 16 * 3 + 2 * 2 * 16 + 16 * 2 * 3 + 2:,}'
    parts = [int(number.replace(',', '')) for name, number in counts.items() if name not in ('part', 'all')]
    model = MODELS.build(Config.fromfile(tiny_config).model)
    everything = sum(parameter.numel() for parameter in model.parameters())
    assert sum(parts) == everything and counts['all'] == f'{everything:,}'


def test_a_missing_config_is_told(tmp_path, run_tool_here):
    done = run_tool_here('tools/analysis/count_parameters.py', tmp_path / 'none.py')
    assert done.returncode == 2 and done.stderr.startswith('error: there is no config file')
