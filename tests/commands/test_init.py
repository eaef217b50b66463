"""``mmdel init``: what it writes is understood, passes the doctor and trains."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from mmdel.commands import main
from mmdel.events import read_events

SIDECAR = {
    'audio': dict(extractors=[], stride=800, window=1600, fps=8000, channels=6, files=['{id}_audio.npy']),
    'visual': dict(extractors=[], stride=2, window=4, fps=8, channels=5, files=['{id}_visual.npy']),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve videos of 20 s with an event of two classes each, in features/ and in events.csv; the current folder."""
    monkeypatch.chdir(tmp_path)
    rows, rng = ['video,subset,start,end,label'], np.random.default_rng(0)
    (tmp_path / 'features').mkdir()
    (tmp_path / 'features/streams.json').write_text(json.dumps(SIDECAR))
    for number in range(12):
        rows += [f'v{number},{("train", "val")[number % 4 == 3]},{2 + number},{5 + number},bell']
        rows += [f'v{number},{("train", "val")[number % 4 == 3]},1,{4 + number},bark']
        for name, num_steps in (('audio', 199), ('visual', 79)):
            np.save(f'features/v{number}_{name}.npy', rng.normal(size=(num_steps, SIDECAR[name]['channels'])))
    (tmp_path / 'events.csv').write_text('\n'.join(rows))
    return tmp_path


def init(*words: object) -> None:
    main(['init', *map(str, words), '--features', 'features'])


def refused(capsys: pytest.CaptureFixture, *words: object) -> str:
    with pytest.raises(SystemExit, match='2'):
        init(*words)
    return capsys.readouterr().err


def test_what_it_writes_passes_the_doctor_and_trains(folder: Path, capsys: pytest.CaptureFixture) -> None:
    init('events.csv', '--out', 'mine.py')
    said = capsys.readouterr().out
    assert 'mmdel check mine.py' in said and 'warning' not in said
    text = (folder / 'mine.py').read_text()
    cfg = Config.fromfile('mine.py')
    assert max(map(len, text.splitlines())) <= 120
    assert cfg.classes == ['bark', 'bell'] and cfg.model.head.num_classes == cfg.num_classes == 2
    assert cfg.model.backbone.in_channels == dict(visual=5, audio=6)
    assert (cfg.train_subset, cfg.val_subset, cfg.test_subset) == ('train', 'val', 'val')
    assert "visual = dict(root='features', channels=5)  # a step every 0.25 s, of 0.5 s" in text
    assert 'max_len = 80  # steps, 20 s: 95 % of the videos have 79 or fewer' in text
    with pytest.raises(SystemExit, match='0'):
        main(['check', 'mine.py'])
    options = ['train_cfg.max_epochs=1', 'train_dataloader.num_workers=0', 'train_dataloader.batch_size=4']
    options += ['val_dataloader.num_workers=0', 'val_dataloader.persistent_workers=False']
    main(['train', 'mine', '--work-dir', 'work', '--cfg-options', *options])
    assert (folder / 'work/epoch_1.pth').is_file()


@pytest.mark.parametrize('name', SIDECAR)
def test_one_stream_alone_is_enough(folder: Path, name: str, capsys: pytest.CaptureFixture) -> None:
    init('events.csv', '--streams', name)
    cfg = Config.fromfile('my_config.py')
    assert cfg.model.backbone.in_channels == {name: SIDECAR[name]['channels']}
    assert list(cfg.train_dataloader.dataset.streams) == cfg.model.backbone.streams == [name]
    assert 'contrast' not in cfg.default_hooks
    with pytest.raises(SystemExit, match='0'):
        main(['check', 'my_config.py'])


def test_many_events_are_learned_with_the_contrastive_loss(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('mmdel.datasets.choices.MANY_EVENTS', 1)
    init('events.csv')
    contrast = Config.fromfile('my_config.py').default_hooks.contrast
    assert contrast.taps == {
        **{name: f'backbone.align:streams.{name}' for name in SIDECAR},
        **{f'cls_{name}': f'backbone.align:cls.{name}' for name in SIDECAR},
    }
    assert contrast.type == 'mmdel.ScoreContrastiveHook' and contrast.loss.type == 'mmdel.ScoreContrastiveLoss'
    with pytest.raises(SystemExit, match='0'):
        main(['check', 'my_config.py'])


def test_videos_without_subsets_are_split_into_some(folder: Path, capsys: pytest.CaptureFixture) -> None:
    rows = [line.split(',') for line in (folder / 'events.csv').read_text().splitlines()]
    (folder / 'plain.csv').write_text('\n'.join(','.join([row[0], *row[2:]]) for row in rows))
    init('plain.csv')
    events = read_events('my_config_events.json')
    assert Counter(video.subset for video in events.videos) == dict(train=10, val=2)
    assert Config.fromfile('my_config.py').ann_file == 'my_config_events.json'
    assert 'my_config_events.json, in which the videos are split' in capsys.readouterr().out
    assert 'my_config.py exists and is left alone' in refused(capsys, 'plain.csv')
    init('plain.csv', '--overwrite')


def test_other_names_of_subsets_are_chosen(folder: Path, capsys: pytest.CaptureFixture) -> None:
    text = (folder / 'events.csv').read_text().replace(',train,', ',first,').replace(',val,', ',second,')
    (folder / 'named.csv').write_text(text)
    said = refused(capsys, 'named.csv')
    assert 'no videos of the subset train (9 of first, 3 of second): choose by --subsets' in said
    init('named.csv', '--subsets', 'first', 'second')
    cfg = Config.fromfile('my_config.py')
    assert (cfg.train_subset, cfg.test_subset) == ('first', 'second') and '--subsets first second' in cfg.text


def test_what_is_missing_is_named(folder: Path, capsys: pytest.CaptureFixture) -> None:
    assert 'features has audio, visual' in refused(capsys, 'events.csv', '--streams', 'smell')
    assert 'ends in .py' in refused(capsys, 'events.csv', '--out', 'mine')
    (folder / 'short.csv').write_text((folder / 'events.csv').read_text() + '\n' + 'v0,train,1,1.4,click\n' * 3)
    init('short.csv', '--out', 'short.py')
    assert 'warning: 14% of the events last less than 2 steps of 0.25 s' in capsys.readouterr().out
    (folder / 'features/v0_visual.npy').unlink()
    init('events.csv')
    assert 'warning: 1 of 9 training videos have no features: v0' in capsys.readouterr().out
    for path in (folder / 'features').glob('*_visual.npy'):
        path.unlink()
    said = refused(capsys, 'events.csv', '--overwrite')
    assert 'none of its 9 training videos has features, e.g. features/v0_visual.npy is not there' in said
    (folder / 'features/streams.json').unlink()
    assert '`mmdel extract VIDEOS --out features` writes it' in refused(capsys, 'events.csv', '--overwrite')
    (folder / 'none.csv').write_text('video,start,end,label\n')
    assert refused(capsys, 'none.csv', '--overwrite')
