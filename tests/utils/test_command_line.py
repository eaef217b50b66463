import argparse
import builtins
import io
import json

import pytest
from mmengine.config import Config

from mmdel.utils import command_line
from mmdel.utils.errors import UserInputError


def parse(*args):
    parser = argparse.ArgumentParser()
    parser.add_argument('config')
    command_line.add_common_options(parser)
    return parser.parse_args(args)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / 'some_config.py'
    path.write_text('env_cfg = dict(resource_limit=4, mp_cfg=dict(levels=[1, 2]))\n')
    return str(path)


def test_config_takes_the_options(config):
    options = 'env_cfg.resource_limit=8', 'env_cfg.mp_cfg.levels=3,5'
    cfg = command_line.load_config(
        parse(config, '--work-dir', 'here', '--launcher', 'slurm', '--cfg-options', *options)
    )
    assert (cfg.work_dir, cfg.launcher) == ('here', 'slurm')
    assert (cfg.env_cfg.resource_limit, cfg.env_cfg.mp_cfg.levels) == (8, [3, 5])


def test_work_dir_is_named_by_option_then_config_then_file(config, tmp_path):
    assert command_line.load_config(parse(config)).work_dir == 'work_dirs/some_config'
    other = tmp_path / 'other.py'
    other.write_text("work_dir = 'named'\n")
    assert command_line.load_config(parse(str(other))).work_dir == 'named'
    assert command_line.load_config(parse(str(other), '--work-dir', 'x')).work_dir == 'x'


def test_a_missing_config_is_named():
    with pytest.raises(UserInputError, match='no config file nowhere'):
        command_line.load_config(parse('nowhere.py'))


@pytest.mark.parametrize(
    ('text', 'said'), [("_base_ = 'lost.py'", 'lost.py'), ('a = [', 'never closed'), ('a = b', "'b' is not defined")]
)
def test_a_config_that_cannot_be_read_is_named_with_the_reason(tmp_path, text, said):
    (tmp_path / 'broken.py').write_text(text)
    with pytest.raises(UserInputError, match=rf'the config .*broken.py cannot be read: .*{said}'):
        command_line.load_config(parse(str(tmp_path / 'broken.py')))


def test_an_option_that_does_not_fit_is_named(config):
    with pytest.raises(UserInputError, match=r'cfg-options does not fit .*some_config'):
        command_line.load_config(parse(config, '--cfg-options', 'env_cfg.mp_cfg.levels.7=5'))


def test_an_option_without_a_value_is_a_wrong_command_line(config, capsys):
    with pytest.raises(SystemExit) as exit_info:
        parse(config, '--cfg-options', 'model.width')
    assert exit_info.value.code == 2
    assert "expected key=value, got 'model.width'" in capsys.readouterr().err


def test_what_cannot_be_written_is_told_before(tmp_path, monkeypatch):
    file = tmp_path / 'file'
    file.write_text('old')
    for path in (tmp_path / 'new/folder/a.json', file):
        command_line.require_writable('--out', str(path))
    assert file.read_text() == 'old' and not list((tmp_path / 'new/folder').iterdir())
    for path, reason in (
        (file / 'a', 'file is a file'),
        (tmp_path, 'Is a directory'),
        (tmp_path / ('x' * 999), 'long'),
    ):
        with pytest.raises(UserInputError, match=rf'--out {path} cannot be written: .*{reason}'):
            command_line.require_writable('--out', str(path))


def test_each_data_set_of_a_run_is_built_once(tiny_config, run_tool_here, monkeypatch, tmp_path):
    """And what it says is in the log, and the config that is kept is a plain one."""
    content = json.loads((tiny_config.parent / 'annotations.json').read_text())
    content['database']['train_00']['annotations'][0]['segment'][1] = 99
    ann_file, opened, built_in_open = tmp_path / 'annotations.json', [], builtins.open
    ann_file.write_text(json.dumps(content))

    def counting_open(path, *args, **kwargs):
        opened.extend([path] if str(path) == str(ann_file) else [])
        return built_in_open(path, *args, **kwargs)

    monkeypatch.setattr(builtins, 'open', counting_open)
    monkeypatch.setattr(io, 'open', counting_open)  # which pathlib calls
    options = [f'{name}_dataloader.dataset.ann_file={ann_file}' for name in ('train', 'val', 'test')]
    options = ['--work-dir', tmp_path / 'work', '--cfg-options', 'train_cfg.max_epochs=1', *options]
    done = run_tool_here('tools/train.py', tiny_config, *options)
    assert done.returncode == 0, done.stderr
    assert len(opened) == 2  # by the training and by the validation data set
    (log,) = (tmp_path / 'work').glob('*/*.log')
    assert log.read_text().count(f'WARNING - {ann_file}: ') == 1
    assert Config.fromfile(tmp_path / 'work/tiny.py').train_dataloader.dataset.ann_file == str(ann_file)

    opened.clear()
    done = run_tool_here('tools/test.py', tiny_config, tmp_path / 'work/epoch_1.pth', *options)
    assert done.returncode == 0, done.stderr
    assert len(opened) == 1
