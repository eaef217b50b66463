"""tools/train.py and tools/test.py as a user runs them, on a small project."""

from __future__ import annotations

import json
import pickle
import re
import shutil
from functools import partial
from pathlib import Path

import pytest
import torch
from conftest import ROOT
from mmengine.config import Config

from mmdel.engine.hooks import event_visualization_hook

MAP = re.compile(r'Epoch\((?:val|test)\).*?event/mAP: ([\d.]+)')


def output(done) -> str:
    return done.stdout + done.stderr


def finished(done) -> str:
    """What a run printed, once it is clear that it succeeded."""
    assert done.returncode == 0, output(done)
    return output(done)


def refused(done) -> str:
    """What a run said that was ended by a fault of the user's: one message, no traceback."""
    assert done.returncode == 2, output(done)
    assert 'Traceback' not in output(done)
    return done.stderr


def weights(path: Path) -> dict:
    return torch.load(path, weights_only=True)['state_dict']


def test_training_leaves_checkpoints_and_the_config(tiny_training):
    work_dir, done = tiny_training
    assert {'epoch_1.pth', 'epoch_2.pth', 'last_checkpoint', 'tiny.py'} <= {path.name for path in work_dir.iterdir()}
    assert len(MAP.findall(output(done))) == 2
    # It is validated on the videos of the test.
    assert 'No best checkpoint is kept' in output(done) and not list(work_dir.glob('best_*.pth'))


def test_a_test_scores_writes_and_draws(tiny_training, tiny_config, run_tool_here, tmp_path, monkeypatch):
    work_dir, done = tiny_training
    drawn = []
    draw_timeline = event_visualization_hook.draw_timeline
    monkeypatch.setattr(
        event_visualization_hook,
        'draw_timeline',
        lambda *args, **more: drawn.append(more) or draw_timeline(*args, **more),
    )
    out, dump, show_dir = tmp_path / 'new/folder/events.json', tmp_path / 'samples.pkl', tmp_path / 'pictures'
    options = ['--out', out, '--dump', dump, '--show-dir', show_dir, '--interval', 2, '--work-dir', tmp_path]
    options += ['--score-thr', 0.25]
    printed = finished(run_tool_here('tools/test.py', tiny_config, work_dir / 'epoch_2.pth', *options))

    assert MAP.findall(printed) == MAP.findall(output(done))[-1:]  # as validated after the last epoch
    database = json.loads((tiny_config.parent / 'annotations.json').read_text())['database']
    videos = sorted(name for name, video in database.items() if video['subset'] == 'val')
    results = json.loads(out.read_text())['results']
    assert sorted(results) == videos
    for name, events in results.items():
        for event in events:
            start, end = event['segment']
            assert 0 <= start <= end <= database[name]['duration'] and event['label'] in ('bark', 'bell')
    assert len(drawn) == 2 and all(more['min_score'] == 0.25 for more in drawn)
    samples = pickle.loads(dump.read_bytes())
    for sample in samples:
        written = sorted(event['score'] for event in results[sample['video_id']])
        assert written == pytest.approx(sorted(sample['pred_instances']['scores'].tolist()))
    assert sorted(path.stem for path in show_dir.iterdir()) == videos[::2]


def test_resume_goes_on_where_training_ended(tiny_training, tiny_config, run_tool_here, tmp_path):
    work_dir, _ = tiny_training
    options = ['--resume', work_dir / 'epoch_1.pth', '--no-validate', '--work-dir', tmp_path]
    printed = finished(run_tool_here('tools/train.py', tiny_config, *options))
    assert 'resumed epoch: 1, iter: 2' in printed
    assert 'Epoch(val)' not in printed
    assert torch.load(tmp_path / 'epoch_2.pth', weights_only=True)['meta']['iter'] == 4

    again = finished(run_tool_here('tools/train.py', tiny_config, '--resume', '--work-dir', tmp_path))
    assert 'resumed epoch: 2, iter: 4' in again


def test_a_moved_work_directory_is_resumed_where_it_lies(tiny_training, tiny_config, run_tool_here, tmp_path):
    work_dir, _ = tiny_training
    shutil.copytree(work_dir, tmp_path / 'copy')
    options = ['--no-validate', '--work-dir', tmp_path / 'copy', '--cfg-options', 'train_cfg.max_epochs=3']
    printed = finished(run_tool_here('tools/train.py', tiny_config, '--resume', *options))
    assert f'Load checkpoint from {tmp_path / "copy"}' in printed and 'resumed epoch: 2' in printed
    (tmp_path / 'copy/epoch_3.pth').unlink()
    printed = finished(run_tool_here('tools/train.py', tiny_config, '--resume', *options))
    assert f'epoch_3.pth is not there: the training goes on from {tmp_path / "copy"}/epoch_2.pth' in printed


@pytest.fixture
def other_data(tiny_config, tmp_path):
    """Writes annotations whose labels are renamed so, and without ids; None: no events. Options that name them."""

    def write(names):
        content = json.loads((tiny_config.parent / 'annotations.json').read_text())
        for video in content['database'].values():
            events = [
                dict(event, label=names[event['label']], label_id=None) for event in video['annotations'] if names
            ]
            video['annotations'] = events
        (tmp_path / 'other.json').write_text(json.dumps(content))
        return ['--cfg-options', f'test_dataloader.dataset.ann_file={tmp_path / "other.json"}']

    return write


def events_of(path: Path) -> list:
    return [
        (name, *event.values()) for name, events in json.loads(path.read_text())['results'].items() for event in events
    ]


def test_classes_are_those_of_the_checkpoint(tiny_training, tiny_config, run_tool_here, other_data, tmp_path):
    checkpoint = torch.load(tiny_training[0] / 'epoch_2.pth')
    checkpoint['meta']['dataset_meta']['classes'] = ('bell', 'bark')
    torch.save(checkpoint, tmp_path / 'ab.pth')
    options = [tiny_config, tmp_path / 'ab.pth', '--work-dir', tmp_path, '--out']
    swapped = dict(bark='bell', bell='bark')
    finished(run_tool_here('tools/test.py', *options, tmp_path / 'a.json', *other_data(swapped)))
    # As before, by the other names: the labels of the data are numbered as the outputs, whatever their order.
    expected = run_tool_here(
        'tools/test.py',
        tiny_config,
        tiny_training[0] / 'epoch_2.pth',
        '--work-dir',
        tmp_path,
        '--out',
        tmp_path / 'b.json',
    )
    assert [(*rest, swapped[label], score) for *rest, label, score in events_of(tmp_path / 'b.json')] == events_of(
        tmp_path / 'a.json'
    )
    # Data with one of the classes, and without any event, take them too; the latter are not scored.
    one = finished(
        run_tool_here('tools/test.py', *options, tmp_path / 'c.json', *other_data(dict(bark='bark', bell='bark')))
    )
    none = finished(run_tool_here('tools/test.py', *options, tmp_path / 'd.json', *other_data(None)))
    assert events_of(tmp_path / 'a.json') == events_of(tmp_path / 'c.json') == events_of(tmp_path / 'd.json')
    assert len(MAP.findall(finished(expected))) == len(MAP.findall(one)) == 1
    assert not MAP.findall(none) and none.count('Not scored: there is no event to find in the 3 videos') == 1


def test_data_of_other_classes_are_refused(tiny_training, tiny_config, run_tool_here, other_data, tmp_path):
    options = [tiny_config, tiny_training[0] / 'epoch_2.pth', '--work-dir', tmp_path, '--out', tmp_path / 'a.json']
    said = refused(run_tool_here('tools/test.py', *options, *other_data(dict(bark='meow', bell='bell'))))
    assert "from number 0 on: 'bark', not 'bell'\ncheckpoint, 2: bark, bell\ndata, 2: bell, meow" in said
    said = refused(run_tool_here('tools/test.py', *options, '--cfg-options', 'model.backbone.embed_dims=32'))
    assert 'does not fit the model of the config' in said and 'of other shapes' in said
    assert not (tmp_path / 'a.json').exists()


def test_a_part_of_a_checkpoint_is_tested_where_that_is_said(tiny_training, tiny_config, run_tool_here, tmp_path):
    checkpoint = torch.load(tiny_training[0] / 'epoch_2.pth')
    name = next(iter(checkpoint['state_dict']))
    del checkpoint['state_dict'][name]
    torch.save(checkpoint, tmp_path / 'part.pth')
    options = [tiny_config, tmp_path / 'part.pth', '--work-dir', tmp_path]
    said = f'it does not fit the model of the config: 1 missing: {name}'
    assert said in refused(run_tool_here('tools/test.py', *options))
    assert said in finished(run_tool_here('tools/test.py', *options, '--partial'))


def test_a_training_without_events_to_validate(tiny_config, run_tool_here, other_data, tmp_path):
    _, option = other_data(None)
    options = ['--work-dir', tmp_path, '--cfg-options', option.replace('test_', 'val_', 1), 'train_cfg.max_epochs=1']
    printed = finished(run_tool_here('tools/train.py', tiny_config, *options))
    assert printed.index('no-event') < printed.index('Epoch(train)') < printed.index('Not scored')
    options[3] = option.replace('test_', 'train_', 1)
    assert 'no-label' in refused(run_tool_here('tools/train.py', tiny_config, *options))


def test_resuming_leaves_other_folders_alone(tiny_config, run_tool_here, tmp_path):
    """Neither a run that goes on elsewhere nor one in a copy of the folder touches the first one's checkpoints."""
    first, other, copy = (tmp_path / name for name in 'abc')
    more = ['--cfg-options', 'test_dataloader.dataset.subset=train', 'val_evaluator.tious=0.01,']
    run = partial(run_tool_here, 'tools/train.py', tiny_config)
    assert 'The best checkpoint' in finished(run('--work-dir', first, *more, 'train_cfg.max_epochs=1'))
    # A score that the next validation beats.
    checkpoint = torch.load(first / 'epoch_1.pth')
    checkpoint['message_hub']['runtime_info']['best_score'] = -1.0
    torch.save(checkpoint, first / 'epoch_1.pth')
    before = {path.name for path in first.glob('*.pth')}
    assert before == {'epoch_1.pth', 'best_event_mAP_epoch_1.pth'}
    shutil.copytree(first, copy)

    finished(run('--resume', first / 'epoch_1.pth', '--work-dir', other, *more))
    finished(run('--resume', '--work-dir', copy, *more))
    assert {path.name for path in first.glob('*.pth')} == before
    assert {path.name for path in other.glob('*.pth')} == {'epoch_2.pth', 'best_event_mAP_epoch_2.pth'}
    # In the copy it is the copied best checkpoint that is replaced.
    assert {path.name for path in copy.glob('*.pth')} == {'epoch_1.pth', 'epoch_2.pth', 'best_event_mAP_epoch_2.pth'}


def test_what_is_not_finite_ends_in_one_message(tiny_training, tiny_config, run_tool_here, tmp_path):
    options = ['--work-dir', tmp_path, '--cfg-options', 'optim_wrapper.optimizer.lr=1e30', 'param_scheduler=None']
    message = refused(run_tool_here('tools/train.py', tiny_config, *options))
    assert re.search(
        r'epoch \d, iteration \d of 2: loss_\w+ is (nan|inf), .* 1e\+30, for train_\d+, train_\d+; ', message
    )

    checkpoint = torch.load(tiny_training[0] / 'epoch_2.pth')
    next(iter(checkpoint['state_dict'].values())).fill_(float('nan'))
    torch.save(checkpoint, tmp_path / 'nan.pth')
    options = ['--work-dir', tmp_path, '--out', tmp_path / 'events.json']
    message = refused(run_tool_here('tools/test.py', tiny_config, tmp_path / 'nan.pth', *options))
    assert (
        f'weights of the checkpoint {tmp_path}/nan.pth are NaN' in message and not (tmp_path / 'events.json').exists()
    )


def test_a_short_training_without_workers_is_a_training(tiny_config, run_tool_here, tmp_path):
    loaders = [f'{split}_dataloader.persistent_workers=True' for split in ('train', 'val', 'test')]
    schedule = Config.fromfile(ROOT / 'configs/_base_/schedule.py').param_scheduler
    config = tmp_path / 'short.py'
    config.write_text(f'_base_ = {str(tiny_config)!r}\nparam_scheduler = {schedule!r}\n')
    options = ['--no-validate', '--work-dir', tmp_path, '--cfg-options', 'train_cfg.max_epochs=1', *loaders]
    assert 'The warm-up of 5 epochs gets 0' in finished(run_tool_here('tools/train.py', config, *options))


def test_seed_goes_before_the_configs_and_decides(tiny_training, tiny_config, run_tool_here, tmp_path):
    work_dir, _ = tiny_training  # seeded with 0 by the config
    for seed in (0, 1):
        options = ['--seed', seed, '--deterministic', '--no-validate', '--work-dir', tmp_path / str(seed)]
        finished(run_tool_here('tools/train.py', tiny_config, *options, '--cfg-options', 'train_cfg.max_epochs=1'))
    expected, same, other = (weights(path / 'epoch_1.pth') for path in (work_dir, tmp_path / '0', tmp_path / '1'))
    assert all(torch.equal(same[name], value) for name, value in expected.items())
    assert any(not torch.equal(other[name], value) for name, value in expected.items())


def test_learning_rate_is_scaled_to_the_batch_size(tiny_config, run_tool_here, tmp_path):
    options = ['--auto-scale-lr', '--no-validate', '--work-dir', tmp_path, '--cfg-options', 'train_cfg.max_epochs=1']
    options += ['auto_scale_lr.base_batch_size=8', 'optim_wrapper.accumulative_counts=2']
    printed = finished(run_tool_here('tools/train.py', tiny_config, *options))
    assert ' lr: 5.0000e-03' in printed  # 0.01 for 8, and a step has two batches of 2


@pytest.mark.parametrize(
    'args, message',
    [
        (['train.py', 'nowhere.py'], 'nowhere.py'),
        (['train.py', '{config}', '--resume', 'nowhere.pth'], 'nowhere.pth'),
        (['train.py', '{config}', '--epochs', '3'], '--epochs'),
        (['test.py', '{config}', 'nowhere.pth'], 'nowhere.pth'),
        (['test.py', '{config}', '{checkpoint}', '--out', '{folder}'], 'names no format by its suffix'),
        (['test.py', '{config}', '{checkpoint}', '--out', '{folder}/taken.json'], 'Is a directory'),
        (['test.py', '{config}', '{checkpoint}', '--out', '{config}/a.json'], 'tiny.py is a file'),
        (['test.py', '{config}', '{checkpoint}', '--dump', 'a.json'], 'pkl'),
        (['test.py', '{config}', '{checkpoint}', '--show-dir', '{config}'], 'tiny.py is a file'),
        (['test.py', '{config}', '{checkpoint}', '--show-dir', 'a', '--interval', '0'], '--interval'),
        (['test.py', '{config}', '{foreign}'], 'Fraction'),
        (['test.py', '{config}', '{checkpoint}', '--work-dir', '{config}'], 'tiny.py is a file'),
        (['train.py', '{config}', '--work-dir', '{config}'], 'tiny.py is a file'),
        (['train.py', '{config}', '--cfg-options', 'default_hooks.checkpoint.out_dir={config}'], 'Not a directory'),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_wrong_input_ends_in_one_message(args, message, tiny_training, tiny_config, run_tool_here, tmp_path):
    from fractions import Fraction

    torch.save(dict(state_dict={}, meta=Fraction(1, 2)), tmp_path / 'foreign.pth')
    (tmp_path / 'taken.json').mkdir()
    places = dict(
        config=tiny_config,
        checkpoint=tiny_training[0] / 'epoch_2.pth',
        folder=tmp_path,
        foreign=tmp_path / 'foreign.pth',
    )
    tool, *rest = (str(arg).format(**places) for arg in args)
    assert message in refused(run_tool_here(f'tools/{tool}', *rest, cwd=tmp_path))


def test_missing_features_end_in_one_message_before_anything_is_made(tiny_config, run_tool_here, tmp_path):
    options = ['--work-dir', tmp_path / 'work', '--cfg-options', 'train_dataloader.dataset.streams.visual.root=gone']
    assert 'gone' in refused(run_tool_here('tools/train.py', tiny_config, *options, cwd=tmp_path))
    assert not (tmp_path / 'work').exists()
