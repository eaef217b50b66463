"""The tools that mmaction2's wheel ships run our configs, too."""

from pathlib import Path

import mmaction

TOOLS = Path(mmaction.__file__).parent / '.mim/tools'


def test_stock_tools_train_and_test(tiny_config, run_tool, tmp_path):
    work_dir = ['--work-dir', tmp_path]
    train = run_tool(TOOLS / 'train.py', tiny_config, *work_dir)
    assert train.returncode == 0, train.stdout + train.stderr
    assert 'event/mAP' in train.stdout + train.stderr

    options = ['--dump', tmp_path / 'samples.pkl', '--show-dir', tmp_path / 'pictures', '--interval', 1, *work_dir]
    test = run_tool(TOOLS / 'test.py', tiny_config, tmp_path / 'epoch_2.pth', *options)
    assert test.returncode == 0, test.stdout + test.stderr
    assert 'event/mAP' in test.stdout + test.stderr
    assert (tmp_path / 'samples.pkl').is_file()
    assert len(list((tmp_path / 'pictures').glob('*.png'))) == 3
