"""What a file of a study says, and which of it makes a run another one."""

from pathlib import Path

import pytest
from study_file import RESULT_FILE, hash_config, read_study

from mmdel.utils.errors import UserInputError
from mmdel.utils.read_config import read_config

STUDIES = sorted((Path(__file__).resolve().parents[3] / 'configs/studies').glob('*.py'))


def write(folder: Path, text: str) -> str:
    (folder / 'study.py').write_text(text)
    return str(folder / 'study.py')


@pytest.mark.parametrize('path', STUDIES, ids=lambda path: path.stem)
def test_the_runs_of_a_study_that_comes_with_mmdel_are_all_different(path, tmp_path):
    study = read_study(str(path))
    runs = study.runs(tmp_path)
    assert len(runs) == len(study.rows) * len(study.seeds) == len({run.config_hash for run in runs})
    assert len({run.folder for run in runs}) == len(runs)
    for place, run in enumerate(runs):
        assert run.cfg.randomness.seed == run.seed
        if run.trained is not None:
            assert runs.index(run.trained) < place and run.trained.seed == run.seed
            assert run.cfg.model == run.trained.cfg.model and run.cfg.test_dataloader != run.trained.cfg.test_dataloader


def test_options_go_from_the_study_over_the_trained_row_to_its_test(tmp_path):
    study = read_study(
        write(
            tmp_path,
            """
_own = 3
seeds = [4, 7]
cfg_options = {'train_cfg.max_epochs': 2, 'train_cfg.val_interval': 1}
rows = [
    dict(name='a/b', config='del_demo', cfg_options={'train_cfg.max_epochs': _own, 'model.neck.attn_window': 5}),
    dict(test_of='a/b', at='late', cfg_options={'model.neck.attn_window': 7}),
]
""",
        )
    )
    assert (study.reference, study.metric, study.seeds) == ('a/b', 'event/mAP', (4, 7))
    trained, test, *others = study.runs(tmp_path)
    assert [str(run) for run in (trained, test)] == ['a/b, seed 4', 'a/b, late, seed 4'] and len(others) == 2
    assert trained.folder == tmp_path / 'a%2Fb/seed_4' and test.folder == tmp_path / 'a%2Fb, late/seed_4'
    assert dict(trained.cfg.train_cfg, type=None) == dict(type=None, max_epochs=3, val_interval=1)
    assert [run.cfg.model.neck.attn_window for run in (trained, test)] == [5, 7]
    assert test.row.line == 'a/b' and test.trained is trained and test.num_epochs == 3


def test_a_config_is_the_same_wherever_its_data_lie(monkeypatch):
    def hashed(**options):
        cfg = read_config('del_demo')
        cfg.merge_from_dict(options)
        return hash_config(cfg)

    here = hashed()
    monkeypatch.setenv('MMDEL_DEMO_ROOT', '/elsewhere/demo')
    assert hashed() == here
    for key in ('model.neck.attn_window', 'train_dataloader.batch_size', 'train_cfg.max_epochs'):
        assert hashed(**{key: 3}) != here
    assert hashed(**{'train_dataloader.dataset.ann_file': '/elsewhere/others.json'}) != here
    assert hashed(activation_checkpointing=['neck']) == here == hashed(**{'model.neck.with_cp': True})
    assert hash_config(read_config('del_demo'), 'a metric') != here
    constructor = 'optim_wrapper.constructor'
    assert hashed(**{constructor: None}) == here == hashed(**{constructor: 'mmdel.GroupedOptimWrapperConstructor'})
    assert hashed(**{constructor: 'LearningRateDecayOptimizerConstructor'}) != here


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('seeds = [0]', 'study.py, rows: expected a list of dicts, got None'),
        ("rows = [dict(name='a', config='del_demo')]\nseed = 3", "study.py: unknown key 'seed'; did you mean seeds?"),
        ("rows = [dict(name='a', config='del_demo')]\nseeds = [0.5]", 'study.py, seeds: expected a list of whole'),
        ("rows = [dict(name='a', conf='del_demo')]", "row 1: unknown key 'conf'; did you mean config?"),
        ("rows = [dict(config='del_demo')]", 'study.py, row 1, name: expected a text, got None'),
        ("rows = [dict(name='a', config='del_demo')] * 2", "study.py, row 2: another row is called 'a', too"),
        (
            "rows = [dict(name='a', config='del_demo'), dict(test_of='b', at='x')]",
            "row 2, test_of: no trained row above is called 'b'; there is a",
        ),
        ("rows = [dict(name='a', config='del_demo'), dict(test_of='a')]", 'row 2, at: expected a text, got None'),
        ("rows = [dict(name='DEL', config='del_demo')]\nreference = 'del'", "'del'; did you mean DEL?"),
        (
            "rows = [dict(name='a', config='del_dem')]",
            "row 'a': there is no config file del_dem; did you mean del_demo",
        ),
        (
            "rows = [dict(name='a', config='del_demo', cfg_options={'modle.neck': 1})]",
            "row 'a': --cfg-options modle.neck: there is no such key; did you mean model",
        ),
    ],
)
def test_a_mistake_is_named_with_its_row(text, said, tmp_path):
    with pytest.raises(UserInputError) as raised:
        read_study(write(tmp_path, text)).runs(tmp_path)
    assert said in str(raised.value)


@pytest.mark.parametrize('text', ['[]', '{"row": "a"}', '{"row": "a", "seed": 0, "config_hash": "", "state": "done"}'])
def test_a_file_that_is_no_result_is_told(text, tmp_path):
    (run,) = read_study(write(tmp_path, "rows = [dict(name='a', config='del_demo')]")).runs(tmp_path)
    assert run.read() is None
    run.write(state='failed', error='why')
    assert run.read().error == 'why' and not run.is_stale(run.read())
    (run.folder / RESULT_FILE).write_text(text)
    with pytest.raises(UserInputError, match=r'result\.json is no result of a run of a study'):
        run.read()
