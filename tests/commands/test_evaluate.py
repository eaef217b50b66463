"""``mmdel evaluate`` as a user runs it, by its tool."""

import json
import pickle
import re
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData

from mmdel.datasets.from_config import build_datasets


def annotation(start, end, label, **more):
    return dict(segment=[start, end], label=label, **more)


def prediction(start, end, label, score, **more):
    return dict(segment=[start, end], label=label, score=score, **more)


DATABASE = {
    'a': dict(subset='Testing', duration=40.0, annotations=[annotation(0, 10, 'knock'), annotation(20, 30, 'speech')]),
    'b': dict(subset='test', duration=20.0, annotations=[annotation(0, 10, 'knock')]),
    'c': dict(subset='train', duration=20.0, annotations=[annotation(0, 10, 'bark')]),
}
RESULTS = {
    'a': [prediction(0, 8, 'knock', 0.9), prediction(20, 30, 'speech', 0.8), prediction(33, 40, 'bark', 0.99)],
    'b': [prediction(0, 4, 'knock', 0.5)],
}
# knock: two events, the second found up to tIoU 0.4; at 0.9 the first neither. speech: found at every threshold.
KNOCK = [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0]


@pytest.fixture
def run(run_tool_here):
    return partial(run_tool_here, 'tools/analysis/evaluate.py')


@pytest.fixture
def files(tmp_path):
    def write(database=None, results=None, name='results.json'):
        gt, pred = tmp_path / 'annotations.json', tmp_path / name
        gt.write_text(json.dumps(dict(database=DATABASE if database is None else database)))
        pred.write_text(json.dumps(dict(version='1', results=RESULTS if results is None else results)))
        return gt, pred

    return write


def assert_refused(done, *messages):
    assert done.returncode == 2
    assert 'Traceback' not in done.stderr
    for message in messages:
        assert message in done.stderr


def test_scores_by_hand_and_a_diagnosis(run, files, tmp_path):
    out, folder = tmp_path / 'new' / 'scores.json', tmp_path / 'diagnosis'
    done = run(
        *files(), '--tious', '0.1:0.9:9', '--json', out, '--diagnose', folder, '--per-class', '--steps-per-video', 10
    )
    assert done.returncode == 0, done.stderr
    scores = json.loads(out.read_text())
    for k, knock in enumerate(KNOCK):
        assert scores[f'mAP@0.{k + 1}0'] == pytest.approx(50 * (knock + 1))
    assert scores['mAP'] == pytest.approx(50 * (sum(KNOCK) / 9 + 1))
    assert scores['recall@1x@0.50'] == pytest.approx(75)
    assert 0 < scores['step_mAP'] < 100
    assert sorted(path.name for path in folder.iterdir()) == ['diagnosis.json', 'diagnosis.png', 'diagnosis.txt']
    assert f'{scores["mAP"]:.2f}' in done.stdout and 'bad boundary' in done.stdout and 'AP [%] by class' in done.stdout
    assert 'warning' not in done.stdout


def test_files_are_scored_without_torch_and_without_what_draws(files):
    """Both take longer to import than most files to score."""
    code = 'import sys; from mmdel_cli import main; main(sys.argv[1:]); print(*sys.modules)'
    done = subprocess.run(
        [sys.executable, '-c', code, 'evaluate', *files()], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0 and 'mAP' in done.stdout, done.stderr
    assert {'torch', 'mmengine', 'matplotlib'}.isdisjoint(done.stdout.splitlines()[-1].split())


def test_class_agnostic_scores_tell_where_and_not_what(run, files, tmp_path):
    proposals = {
        'a': [prediction(0, 10, 'speech', 0.9), prediction(20, 30, 'knock', 0.8)],
        'b': [prediction(0, 10, 'bark', 0.7)],
    }
    gt, pred = files(DATABASE, proposals)
    done = run(gt, pred, '--class-agnostic', '--json', tmp_path / 'scores.json')
    assert done.returncode == 0, done.stderr
    scores = json.loads((tmp_path / 'scores.json').read_text())
    assert scores['mAP'] == scores['recall@5x@0.50'] == pytest.approx(100)
    run(gt, pred, '--json', tmp_path / 'classes.json')
    assert json.loads((tmp_path / 'classes.json').read_text())['mAP'] == 0


def test_class_agnostic_scores_need_no_labels(run, files, tmp_path):
    """Neither of the truth, nor of the results; what the protocol ignores stays ignored."""
    truth = {
        'a': [dict(segment=[0, 10]), dict(segment=[20, 30], label=None), annotation(31, 40, 'Ambiguous')],
        'b': [annotation(0, 10, ['no', 'label'], label_id='x')],
    }
    database = {name: dict(subset='test', duration=40.0, annotations=events) for name, events in truth.items()}
    spans = {'a': [(0, 10, 0.9), (32, 39, 0.8), (20, 30, 0.7)], 'b': [(20, 30, 0.6), (0, 10, 0.5)]}
    results = {name: [dict(segment=span[:2], score=span[2]) for span in found] for name, found in spans.items()}
    gt, pred = files(database, results)
    done = run(
        gt, pred, '--class-agnostic', '--protocol', 'thumos14', '--json', tmp_path / 'a.json', '--diagnose', tmp_path
    )
    assert done.returncode == 0 and 'left out' not in done.stdout, done.stdout + done.stderr
    assert json.loads((tmp_path / 'a.json').read_text())['mAP'] == pytest.approx(100 * (1 + 1 + 3 / 4) / 3)
    assert_refused(run(gt, pred), 'wrong-label, video a, event 0')


def test_what_does_not_fit_is_reported_by_name_and_count(run, files, tmp_path):
    results = {name: list(entries) for name, entries in RESULTS.items()}
    results['stranger'] = [prediction(0, 1, 'knock', 0.5)] * 3
    results['a'] += [prediction(0, 1, 'quack', 0.9), prediction(0, 1, 'quack', 0.8), prediction(9, 1, 'speech', 0.1)]
    results['b'] = [prediction(0, 10, 'knock', float('nan'))]
    out = tmp_path / 'scores.json'
    done = run(*files(results=results), '--subset', 'test', '--tious', '0.5', '--json', out)
    assert done.returncode == 0, done.stderr
    for line in (
        '3 predictions left out, 1 unknown videos: stranger (3)',
        '2 predictions left out, 1 unknown classes: quack (2)',
        '1 predictions left out, 1 NaN scores in videos: b (1)',
        '1 predictions counted as wrong, 1 reversed segments in videos: a (1)',
        '1 videos of the ground truth have no prediction',
    ):
        assert line in done.stdout
    assert json.loads(out.read_text())['mAP@0.50'] == pytest.approx(75)


def test_epic_scores_verb_noun_and_action(run, files, tmp_path):
    events = [annotation(0, 9, 'x', verb='cut', noun='leek'), annotation(9, 20, 'y', verb='wash', noun='egg')]
    found = [prediction(0, 9, 'x', 0.9, verb='cut', noun='egg'), prediction(9, 20, 'y', 0.8, verb='wash', noun='egg')]
    database, results = {'a': dict(subset='val', duration=20.0, annotations=events)}, {'a': found}
    out = tmp_path / 'scores.json'
    done = run(*files(database, results), '--protocol', 'epic', '--json', out)
    assert done.returncode == 0, done.stderr
    scores = json.loads(out.read_text())
    assert scores['verb/mAP'] == pytest.approx(100)
    assert scores['noun/mAP'] == pytest.approx(25)  # leek is never found; egg at the second attempt
    assert scores['action/mAP'] == pytest.approx(50)  # "wash,egg" is found, "cut,leek" not
    assert len([key for key in scores if key.startswith('noun/mAP@')]) == 5


def test_epic_verbs_and_nouns_from_files_of_their_own(run, files, tmp_path):
    """The second event's noun is missed; the first action is found by both, at the mean of their times."""
    events = {'verb': [annotation(0, 9, 'cut', label_id=3), annotation(9, 20, 'wash', label_id=0)]}
    events['noun'] = [annotation(0, 9, 'leek', label_id=1), annotation(9, 20, 'egg', label_id=5)]
    found = {'verb': [prediction(0, 9, 'cut', 0.9), prediction(9, 20, 0, 0.8)]}
    found['noun'] = [prediction(0, 8, 'leek', 0.9), prediction(0, 2, 'egg', 0.1)]
    paths = {}
    for task in ('verb', 'noun'):
        database = {'a': dict(subset='validation', duration=20.0, annotations=events[task])}
        gt, paths[task] = files(database, {'a': found[task]}, name=f'{task}_results.json')
        paths[f'{task}_gt'] = gt.rename(tmp_path / f'{task}_gt.json')
    out = tmp_path / 'scores.json'
    done = run(paths['verb_gt'], paths['verb'], '--noun', paths['noun_gt'], paths['noun'], '--json', out)
    assert done.returncode == 0, done.stderr
    scores = json.loads(out.read_text())
    assert [scores[f'{task}/mAP'] for task in ('verb', 'noun', 'action')] == pytest.approx([100, 50, 50])
    assert 'verb/mAP@0.50' in scores and 'verb/mAP@0.60' not in scores  # the thresholds of EPIC-Kitchens
    assert_refused(run(paths['verb_gt'], paths['verb'], '--noun', gt, paths['noun']), 'Cannot read')


STREAMS = dict(visual=dict(root='', files=['{id}.npy'], stride=1, window=1, fps=1))
SCORED = {  # a config's changes of its test data set, and of its metric
    'plain': ({}, {}),
    'ignored labels': (dict(ignore_labels=['Background']), {}),
    'dropped labels': (dict(drop_labels='Background'), {}),
    'order of classes': (dict(classes=['speech', 'knock', 'Background']), {}),
    'subsets': (dict(subset=['Validation', 'testing']), dict(protocol='anet')),
    'thresholds': (dict(num_classes=7), dict(tious=[0.25, 0.6])),
    'lacking features': (dict(missing='skip'), {}),
    'proposals': ({}, dict(class_agnostic=True, protocol='grid')),
    'no labels': (dict(ann_file='unlabelled.json'), dict(class_agnostic=True)),
    'videos with events alone': (dict(filter_empty=True), dict(protocol='thumos14')),
    'clipped events': (dict(test_mode=False), {}),
    'steps': ({}, dict(steps_per_video=7)),
    'blocked videos': ({}, dict(blocked_file='blocked.json')),
}


@pytest.fixture
def scored_config(tmp_path, monkeypatch):
    """Writes a config whose test data set and metric are changed so; one of its videos has no features."""
    monkeypatch.chdir(tmp_path)
    rng, database = np.random.default_rng(0), {}
    for index in range(12):
        video_id, duration = f'v{index}', 20.0 + index
        spans = rng.uniform(0, duration, (0 if index == 3 else 3, 1)) + [0.0, 6.0]  # some reach beyond the video
        events = [
            annotation(*span, label, label_id=k)
            for k, (span, label) in enumerate(zip(spans.tolist(), ('knock', 'speech', 'Background'), strict=False))
        ]
        database[video_id] = dict(subset='val' if index % 4 == 1 else 'test', duration=duration, annotations=events)
        np.save(tmp_path / f'{video_id}.npy', np.zeros((int(duration), 2), np.float32))
    (tmp_path / 'gt.json').write_text(json.dumps(dict(database=database)))
    unlabelled = {
        name: dict(entry, annotations=[dict(segment=event['segment']) for event in entry['annotations']])
        for name, entry in database.items()
    }
    (tmp_path / 'unlabelled.json').write_text(json.dumps(dict(database=unlabelled)))
    (tmp_path / 'blocked.json').write_text('["v2"]')

    def write(dataset, metric):
        pipeline = [dict(type=f'mmdel.{name}') for name in ('LoadFeatures', 'AlignStreams', 'PackEvents')]
        common = dict(type='mmdel.EventDataset', ann_file='gt.json', subset='test', test_mode=True)
        dataset = common | dict(streams=STREAMS, pipeline=pipeline) | dataset
        text = (
            f'test_dataloader = dict(dataset={dataset!r})\ntest_evaluator = dict(type="mmdel.EventMAP", **{metric!r})'
        )
        (tmp_path / 'config.py').write_text(text)
        if dataset.get('missing') == 'skip':
            (tmp_path / 'v6.npy').unlink()
        return tmp_path / 'config.py'

    return write


@pytest.mark.parametrize(('dataset', 'metric'), SCORED.values(), ids=SCORED)
def test_a_config_is_scored_as_its_test_scores(run, scored_config, dataset, metric, tmp_path):
    """Whatever it says of classes, videos and measures; features are needed only where they decide on something."""
    cfg = Config.fromfile(scored_config(dataset, metric))
    data, rng = build_datasets(cfg, 'test')['test_dataloader'], np.random.default_rng(1)
    evaluator = Evaluator([cfg.test_evaluator, dict(type='mmdel.DumpEvents', out_file='results.json')])
    evaluator.dataset_meta = data.metainfo
    for sample in (data[index]['data_samples'] for index in range(len(data))):
        near = np.append(sample.eval_instances.segments_sec, [[3.0, 9.0]], axis=0).repeat(5, axis=0)
        sample.pred_instances = InstanceData(
            segments_sec=torch.from_numpy(np.sort(near + rng.normal(scale=1.5, size=near.shape))).float(),
            labels=torch.from_numpy(rng.integers(2, size=len(near))),
            scores=torch.from_numpy(rng.random(len(near))).float(),
        )
        evaluator.process([sample])
    expected = evaluator.evaluate(len(data))
    if not {'missing', 'steps_per_video'} & {*dataset, *metric}:
        for path in tmp_path.glob('*.npy'):
            path.unlink()
    done = run(tmp_path / 'config.py', 'results.json', '--json', 'scores.json')
    said = done.stdout.replace('warning: ignored events cover 20.8 % of the scored time', '')
    assert done.returncode == 0 and 'warning' not in said, done.stdout + done.stderr
    assert ('ignored events' in done.stdout) == ('ignore_labels' in dataset)
    scores = json.loads((tmp_path / 'scores.json').read_text())
    assert 0 < scores['mAP'] < 100
    for name, value in expected.items():
        key, _, tiou = name.removeprefix('event/').partition('@')
        assert scores[f'{key}@{float(tiou):.2f}' if tiou else key] == pytest.approx(value, abs=1e-6)


def test_the_command_line_goes_before_the_config(run, scored_config, tmp_path):
    config = scored_config({}, dict(protocol='anet'))
    (tmp_path / 'results.json').write_text(json.dumps(dict(results={'v1': [prediction(0, 9, 'knock', 1)]})))
    assert_refused(run(config, 'results.json'), 'No video of results.json')  # v1 is none of the subset test
    for options in (['--subset', 'Validation'], ['--cfg-options', 'test_dataloader.dataset.subset=val']):
        done = run(config, 'results.json', '--protocol', 'thumos14', '--json', 'scores.json', *options)
        assert done.returncode == 0 and '2 videos of the ground truth have no prediction' in done.stdout, done.stderr
        assert len([key for key in json.loads((tmp_path / 'scores.json').read_text()) if 'mAP@' in key]) == 5
    unlabelled = ['--cfg-options', 'test_dataloader.dataset.ann_file=unlabelled.json']
    assert_refused(run(config, 'results.json', '--subset', 'val', *unlabelled), '9 of the 9 true events have no label')
    assert_refused(run(config, 'results.json', '--subset', 'val', '--step-hz', '0'), 'as a positive number')
    assert_refused(run(config, 'results.json', '--subset', 'val', '--step-hz', '1', '--steps-per-video', '5'), 'one of')


def test_the_truth_of_a_config_may_be_a_table(run, files, scored_config, tmp_path):
    (tmp_path / 'events.csv').write_text('video,start,end,label\na,0,10,knock\na,20,30,speech\nb,0,10,knock\n')
    csv = dict(video='video', start='start', end='end', label='label', subsets=['test'])
    config = scored_config(dict(ann_file='events.csv', csv=csv), dict(tious=[round(0.1 * k, 1) for k in range(1, 10)]))
    _, pred = files()
    done = run(config, pred, '--json', tmp_path / 'scores.json')
    assert done.returncode == 0, done.stderr
    scores = json.loads((tmp_path / 'scores.json').read_text())
    assert scores['mAP'] == pytest.approx(50 * (sum(KNOCK) / 9 + 1))
    assert_refused(run(tmp_path / 'absent.py', pred), 'there is no config file')
    assert_refused(run(config, pred, '--steps-per-video', '5'), 'lack feature files')  # which tell the durations
    assert_refused(run(config, files(results={'z': []})[1]), 'No video of')


def test_thumos14_ambiguous_events_and_blocked_videos(run, files, tmp_path):
    database = {name: dict(entry, annotations=list(entry['annotations'])) for name, entry in DATABASE.items()}
    database['a']['annotations'].append(annotation(31, 40, 'Ambiguous'))
    database['d'] = dict(subset='test', duration=20.0, annotations=[annotation(0, 10, 'speech')])
    results = RESULTS | {'a': [prediction(32, 33, 'speech', 0.95), *RESULTS['a']]}
    blocked, out = tmp_path / 'blocked.json', tmp_path / 'scores.json'
    blocked.write_text('["d"]')
    done = run(*files(database, results), '--protocol', 'thumos14', '--blocked', blocked, '--json', out)
    assert done.returncode == 0, done.stderr
    assert json.loads(out.read_text())['mAP@0.50'] == pytest.approx(75)


def test_durations_are_needed_for_steps_alone(run, files, tmp_path):
    database = {name: {**entry, 'duration': None} for name, entry in DATABASE.items()}
    del database['a']['duration']
    gt, pred = files(database)
    done = run(gt, pred, '--tious', '0.1:0.9:9', '--json', tmp_path / 'scores.json')
    assert done.returncode == 0 and 'WARNING' not in done.stdout, done.stderr
    assert json.loads((tmp_path / 'scores.json').read_text())['mAP'] == pytest.approx(50 * (sum(KNOCK) / 9 + 1))
    assert_refused(run(gt, pred, '--step-hz', '1'), 'duration')


def test_events_beyond_the_video_count_as_annotated(run, files, tmp_path):
    database = {
        'a': dict(subset='test', duration=5.0, annotations=[annotation(0, 4, 'knock'), annotation(8, 9, 'knock')])
    }
    out = tmp_path / 'scores.json'
    done = run(*files(database, {'a': [prediction(0, 4, 'knock', 0.9)]}), '--tious', '0.5', '--json', out)
    assert done.returncode == 0, done.stderr
    assert json.loads(out.read_text())['mAP'] == pytest.approx(50)


def test_sound_is_scored_by_its_own_measures_too(run, files, tmp_path):
    """Both events of the truth are found at their very times; PSDS needs durations."""
    found = {'a': [prediction(0, 4, 'knock', 0.9), prediction(5, 9, 'knock', 0.2)]}
    truth = dict(subset='test', annotations=[annotation(0, 4, 'knock'), annotation(8, 9, 'knock')])
    out = tmp_path / 'scores.json'
    for duration, thr, f1 in ((10.0, [], 2 / 3), (None, ['0.1'], 0.5)):
        done = run(*files({'a': truth | dict(duration=duration)}, found), '--sound', *thr, '--json', out)
        scores = json.loads(out.read_text())
        assert scores['sound/event_F1'] == pytest.approx(100 * f1), done.stderr
        assert ('sound/PSDS1' in scores) == (duration is not None) != ('no PSDS' in done.stdout)


def test_a_pickle_is_refused_unopened(run, files, tmp_path):
    class Trap:
        def __reduce__(self):
            return open, (str(tmp_path / 'sprung'), 'w')

    gt, _ = files()
    trap = tmp_path / 'results.pkl'
    trap.write_bytes(pickle.dumps(Trap()))
    assert_refused(run(gt, trap), 'a pickle, which is not opened')
    assert not (tmp_path / 'sprung').exists()


def test_wrong_input_ends_in_one_message(run, files, tmp_path):
    gt, pred = files()
    assert_refused(run(gt, tmp_path / 'absent.json'), 'absent.json', 'No such file')
    assert_refused(run(gt, gt), 'the events have no scores')
    assert_refused(run(gt, pred, '--tious', '50'), '--tious', "'50'")
    assert_refused(run(gt, pred, '--subset', 'holdout'), 'holdout')
    assert_refused(run(gt, pred, '--json', tmp_path), str(tmp_path))


@pytest.mark.parametrize(
    ('results', 'message'),
    [
        ({'z': [prediction(0, 1, 'knock', 1)]}, 'No video of'),
        ({'a': [], 'c': []}, 'choose one by --subset'),
        ({'a': [dict(segment=[0, 1], label='knock')]}, 'the events have no scores'),
        ({'a': [dict(segment=[0, 'x'], label='knock', score=1)]}, 'video a, event 0: a prediction must have'),
    ],
)
def test_wrong_results_are_named(run, files, results, message):
    assert_refused(run(*files(results=results)), message)


def test_a_subset_without_events_is_an_error(run, files):
    database = DATABASE | {'e': dict(subset='val', duration=5.0, annotations=[])}
    assert_refused(run(*files(database), '--subset', 'val'), 'no event to find')


def test_the_benchmark_prints_ratios(run_tool):
    done = run_tool(
        'tools/analysis/benchmark_postprocessing.py', '--videos', 20, '--batch', 2, '--repeats', 1, '--hours'
    )
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r'\d+ x ', done.stdout)) == 4  # three suppressions and the mAP
