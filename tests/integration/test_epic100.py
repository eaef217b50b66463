"""EPIC-Kitchens-100, whole: from official tables and feature files to the mAP of verbs, nouns and actions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
NUM_TRAIN, NUM_VAL, NUM_STEPS = 3, 2, 60
STEP_SEC = 16 / 30
WIDTH = 16
SMALL = [
    f'model.backbone.embed_dims={WIDTH}',
    f'model.head.feat_channels={WIDTH}',
    'train_cfg.max_epochs=1',
    'param_scheduler=None',
    *(f'{split}_dataloader.num_workers=0' for split in ('train', 'val', 'test')),
    *(f'{split}_dataloader.persistent_workers=False' for split in ('train', 'val', 'test')),
]


def write_download(root):
    """Official tables of five videos, each with two events, and their features; verb 96 and noun 299 have no event."""
    features = root / 'slowfast'
    features.mkdir(parents=True)
    rng = np.random.default_rng(0)
    header = 'narration_id,video_id,start_timestamp,stop_timestamp,verb,verb_class,noun,noun_class'
    rows = {'train': [header], 'validation': [header]}
    videos = ['video_id,duration,fps,resolution']
    for index in range(NUM_TRAIN + NUM_VAL):
        name = f'P01_{index:02d}'
        subset = 'train' if index < NUM_TRAIN else 'validation'
        rows[subset] += [f'{name}_0,{name},00:00:02.50,00:00:09.00,turn-on,3,tap,0']
        rows[subset] += [f'{name}_1,{name},00:00:07.00,00:00:20.40,take,0,the plate,2']
        videos.append(f'{name},{(NUM_STEPS + 1) * STEP_SEC:.2f},50.0,1920x1080')
        np.savez(features / f'{name}.npz', feats=rng.normal(size=(NUM_STEPS, 2304)).astype(np.float32))
    for subset, lines in rows.items():
        (root / f'EPIC_100_{subset}.csv').write_text('\n'.join(lines) + '\n')
    (root / 'EPIC_100_video_info.csv').write_text('\n'.join(videos) + '\n')
    (root / 'EPIC_100_verb_classes.csv').write_text('id,key\n0,take\n3,turn-on\n96,bend\n')
    (root / 'EPIC_100_noun_classes.csv').write_text('id,key\n0,tap\n2,plate\n299,dust\n')


def test_from_the_official_tables_to_verb_noun_and_action(run_tool_here, tmp_path, monkeypatch):
    def run(*command) -> None:
        done = run_tool_here(*command)
        assert done.returncode == 0, done.stderr

    write_download(tmp_path / 'src')
    data, scores = tmp_path / 'data', tmp_path / 'scores.json'
    monkeypatch.setenv('MMDEL_EPIC100_ROOT', str(data))
    run('tools/data/prepare.py', 'epic100', '--src', tmp_path / 'src', '--out', data)
    truth = {task: data / f'annotations/epic_kitchens_100_{task}.json' for task in ('verb', 'noun')}
    found = {task: tmp_path / f'{task}.json' for task in truth}
    for task in truth:
        config, work_dir = ROOT / f'configs/del_epic100_{task}_visual.py', tmp_path / task
        options = ['--work-dir', work_dir, '--cfg-options', *SMALL]
        run('tools/train.py', config, '--no-validate', *options)
        run('tools/test.py', config, work_dir / 'epoch_1.pth', '--out', found[task], *options)
    both = [truth['verb'], found['verb'], '--noun', truth['noun'], found['noun'], '--json', scores]
    run('tools/analysis/evaluate.py', *both)
    values = json.loads(scores.read_text())
    assert {'verb/mAP', 'noun/mAP', 'action/mAP', 'action/mAP@0.50'} <= values.keys()

    # The truth itself, as two result files, scores 100 everywhere.
    for task in truth:
        database = json.loads(truth[task].read_text())['database']
        results = {
            name: [dict(segment=a['segment'], label=a['label'], score=0.9) for a in entry['annotations']]
            for name, entry in database.items()
            if entry['subset'] == 'validation'
        }
        found[task].write_text(json.dumps(dict(results=results)))
    run('tools/analysis/evaluate.py', *both)
    values = json.loads(scores.read_text())
    assert [values[f'{task}/mAP'] for task in ('verb', 'noun', 'action')] == [100, 100, 100]
