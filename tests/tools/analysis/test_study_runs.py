"""What is done, skipped, gone on with, begun anew and given up, by a trainer that writes what mmdel would."""

import json
import signal
from pathlib import Path

import pytest
import study_runs
from study_file import read_study
from study_runs import OUTPUT_FILE, StudyRunner

from mmdel.utils.errors import Interrupted, UserInputError

TESTED = """
_pack = dict(type='mmdel.PackEvents')
rows.append(dict(test_of='a', at='late', cfg_options={'test_dataloader.dataset.pipeline': [_pack]}))
"""


class FakeProcess:
    """Ends, with a status, when it is asked for the third time; or once it is told to."""

    def __init__(self, status):
        self.status, self.asked, self.signals = status, 0, []

    def poll(self):
        self.asked += 1
        return 130 if self.signals else self.status if self.asked > 2 else None

    def wait(self):
        return 130

    def send_signal(self, signum):
        self.signals.append(signum)

    kill = None


class FakeMmdel:
    """In the place of mmdel: trains or tests as it is told for each row, two epochs or a test if it is not told.

    Attributes:
        fates: Row → ``'fails'``, ``'killed'``, ``'mute'`` or ``'hangs'``, the last after one epoch.
        calls: Row, subcommand and whether it resumes, of each start.
        formats: What ``--amp`` said at each.
        most: Processes side by side at most.
    """

    def __init__(self):
        self.fates, self.calls, self.formats, self.processes, self.most, self.threads = {}, [], [], [], 0, set()

    def __call__(self, words, output, num_threads):
        folder = Path(words[words.index('--work-dir') + 1])
        row, seed, fate = folder.parent.name, int(folder.name[-1]), self.fates.get(folder.parent.name)
        assert Path(words[1]).parent == folder and f'seed={seed})' in Path(words[1]).read_text()
        self.calls.append((row, words[0], '--resume' in words))
        self.formats.append(words[words.index('--amp') + 1] if '--amp' in words else None)
        self.threads.add(num_threads)
        start = folder / f'20260101_00000{len(self.calls)}'
        done = len([*folder.glob('*.pth')])
        (start / 'vis_data').mkdir(parents=True)
        scores = {'event/mAP': 50.0 + seed, 'event/mAP@0.5': 60.0, 'time': 0.1}
        output.write_text('training\nerror: the disk is full\n\n' if fate == 'fails' else 'training\n')
        if words[0] == 'test':
            assert words[2].endswith('epoch_2.pth')
            (start / f'{start.name}.json').write_text(json.dumps(scores))
        elif fate != 'mute':
            lines = [dict(loss=1.0, step=9)]
            for epoch in range(done + 1, 2 if fate == 'hangs' else 3):
                lines.append({**scores, 'event/mAP': epoch * scores['event/mAP'], 'step': epoch})
                (folder / f'epoch_{epoch}.pth').touch()
            text = '\n'.join(map(json.dumps, lines)) + '\n{"event/mAP": 7, "st'  # a line being written
            (start / 'vis_data/scalars.json').write_text(text)
        self.processes = [process for process in self.processes if process.asked <= 2]
        self.processes.append(FakeProcess(dict(fails=2, killed=-9).get(fate, 0)))
        self.most = max(self.most, len(self.processes))
        return self.processes[-1]


@pytest.fixture
def study(tiny_config, tmp_path, monkeypatch):
    """Writes a study of the rows a and b, and gives a runner of it; what takes time is left out."""
    monkeypatch.setattr(study_runs, 'POLL_SEC', 0)
    monkeypatch.setattr(study_runs, 'check_config', lambda cfg: None)
    monkeypatch.setattr(study_runs, 'size_of', lambda cfg: dict(parameters=12))
    monkeypatch.setattr(study_runs, 'latest_checkpoint', lambda folder: f'{folder}/epoch_2.pth')
    monkeypatch.setenv('OMP_NUM_THREADS', '1')

    def make(launch, lr=0.1, tested='', seeds=(0,), **kwargs):
        options = f"config={str(tiny_config)!r}, cfg_options={{'optim_wrapper.optimizer.lr': {lr}}}"
        rows = f"rows = [dict(name='a', {options}), dict(name='b', config={str(tiny_config)!r})]"
        (tmp_path / 'study.py').write_text(f'seeds = {list(seeds)}\n{rows}\n{tested}')
        runs = read_study(str(tmp_path / 'study.py')).runs(tmp_path / 'work')
        return runs, StudyRunner(runs, 'event/mAP', launch, **kwargs)

    return make


def states(runs):
    return [(result := run.read()) and result.state for run in runs]


def test_each_run_is_done_once(study, capsys):
    mmdel = FakeMmdel()
    runs, run_all = study(mmdel, seeds=(0, 3))
    assert run_all() == [] and states(runs) == ['done'] * 4
    assert mmdel.calls == [('a', 'train', False), ('b', 'train', False)] * 2
    result = runs[2].read()
    assert (result.row, result.seed, result.epochs, result.parameters) == ('a', 3, 2, 12)
    assert result.metrics == {
        '1': {'event/mAP': 53.0, 'event/mAP@0.5': 60.0},
        '2': {'event/mAP': 106.0, 'event/mAP@0.5': 60.0},
    }
    assert result.last['event/mAP'] == 106 and result.machine['threads'] == 1 and result.minutes > 0
    said = capsys.readouterr().out
    assert '[3/4] a, seed 3: begins' in said and '[4/4] b, seed 3: done, mAP 106.00 after ' in said
    assert run_all() == [] and len(mmdel.calls) == 4
    assert capsys.readouterr().out.splitlines()[0] == 'a, seed 0: done before, mAP 100.00'


def test_the_number_format_is_handed_on_and_kept(study):
    mmdel = FakeMmdel()
    runs, run_all = study(mmdel, tested=TESTED, amp='bf16')
    assert run_all() == [] and mmdel.formats == ['bf16'] * 3
    assert [run.read().amp for run in runs] == ['bf16'] * 3
    runs, run_all = study(mmdel, seeds=(1,))
    assert run_all() == [] and mmdel.formats[3:] == [None] * 2 and runs[0].read().amp is None


def test_what_was_stopped_goes_on(study, monkeypatch, capsys):
    mmdel = FakeMmdel()
    mmdel.fates['b'] = 'hangs'
    runs, run_all = study(mmdel)

    def stop(sec):
        if mmdel.calls[-1][0] == 'b' and mmdel.processes[-1].asked == 1:
            raise KeyboardInterrupt

    with (
        monkeypatch.context() as patch,
        pytest.raises(Interrupted, match=r'^stopped: 1 of 2 runs are done; the same command goes on') as raised,
    ):
        patch.setattr(study_runs.time, 'sleep', stop)
        run_all()
    assert raised.value.signum == signal.SIGINT and mmdel.processes[-1].signals == [signal.SIGTERM]
    assert states(runs) == ['done', 'begun']
    assert 'b, seed 0: epoch 1/2, mAP 50.00, ' in capsys.readouterr().out

    mmdel.fates.clear()
    assert run_all() == [] and states(runs) == ['done', 'done']
    assert mmdel.calls == [('a', 'train', False), ('b', 'train', False), ('b', 'train', True)]
    assert [metrics['event/mAP'] for metrics in runs[1].read().metrics.values()] == [50, 100]


def test_what_fails_is_named_and_tried_again(study):
    mmdel = FakeMmdel()
    mmdel.fates.update(a='fails', b='mute')
    runs, run_all = study(mmdel, tested=TESTED)
    untested = 'not tested, since its training is not done: a, seed 0'
    errors = ['the disk is full', 'there is no event/mAP of epoch 2', untested]
    expected = [f'{name}, seed 0: {error}' for name, error in zip(('a', 'b', 'a, late'), errors, strict=True)]
    assert sorted(run_all()) == sorted(expected)
    assert states(runs) == ['failed'] * 3 and [run.read().error for run in runs] == errors
    mmdel.fates = dict(b='killed')
    assert run_all() == ['b, seed 0: ended by SIGKILL']
    assert mmdel.calls[2:] == [('a', 'train', True), ('b', 'train', False), ('a, late', 'test', False)]


def test_another_config_is_told_and_begun_anew_if_asked_for(study):
    mmdel = FakeMmdel()
    study(mmdel, tested=TESTED)[1]()
    runs, run_all = study(mmdel, lr=0.2, tested=TESTED)
    left_out = run_all()
    assert [text.partition(':')[0] for text in left_out] == ['a, seed 0', 'a, late, seed 0'] and len(mmdel.calls) == 3
    assert f'the result in {runs[0].folder} is of another config: --rerun' in left_out[0]
    runs, run_all = study(mmdel, lr=0.2, tested=TESTED, rerun=True)
    assert run_all() == [] and states(runs) == ['done'] * 3
    assert mmdel.calls[3:] == [('a', 'train', False), ('a, late', 'test', False)]
    assert len([*runs[0].folder.glob('2026*')]) == 1  # nothing is left of the one before


def test_runs_side_by_side_share_the_cores_and_a_test_waits_for_its_training(study, monkeypatch):
    mmdel = FakeMmdel()
    monkeypatch.setattr(study_runs, 'num_cores', lambda: 5)
    runs, run_all = study(mmdel, tested=TESTED, num_jobs=2)
    assert run_all() == [] and mmdel.most == 2 and mmdel.threads == {2}
    assert [row for row, *_ in mmdel.calls] == ['a', 'b', 'a, late']
    assert runs[2].read().metrics == {'2': {'event/mAP': 50.0, 'event/mAP@0.5': 60.0}}


def test_nothing_of_another_is_touched(study):
    runs, run_all = study(FakeMmdel())
    (runs[1].folder).mkdir(parents=True)
    (runs[1].folder / OUTPUT_FILE).touch()
    with pytest.raises(UserInputError, match=r'seed_0 holds files, but no run of a study: name another --work-dir'):
        run_all()
    assert states(runs) == [None, None]
