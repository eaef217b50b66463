"""The table, the numbers and the picture of results that were written by hand."""

import dataclasses
import math
import shutil
from pathlib import Path

import pytest
from study_file import read_study, take_over
from study_table import draw, estimate, summarize, summary_json, table_text

from mmdel.utils.errors import UserInputError
from mmdel.utils.files import write_json

STUDY = """
seeds = [0, 1, 2]
rows = [
    dict(name='whole', config='del_demo', at='as it is'),
    dict(name='half', config='del_demo', at='as it is', cfg_options={'model.neck.attn_window': 3}),
    dict(test_of='whole', at='late'),
    dict(test_of='half', at='late'),
]
"""
MAP = {  # of both epochs, by row and seed
    'whole': {0: (30, 80), 1: (34, 84), 2: (32, 85)},
    'half': {0: (20, 75), 2: (22, 78)},
    'whole, late': {0: (60,), 1: (62,), 2: (64,)},
    'half, late': {0: (50,), 1: (49,), 2: (54,)},
}


@pytest.fixture(scope='module')
def found(tmp_path_factory):
    """The study, its runs with their results, and what these say together."""
    root = tmp_path_factory.mktemp('study')
    (root / 'study.py').write_text(STUDY)
    study = read_study(str(root / 'study.py'))
    runs = study.runs(root)
    for run in runs:
        scores = MAP[run.row.name].get(run.seed)
        if scores:
            epochs = dict(zip(('5', '25') if len(scores) == 2 else ('25',), scores, strict=True))
            metrics = {epoch: {'event/mAP': mean, 'event/mAP@0.5': mean + 10} for epoch, mean in epochs.items()}
            facts = dict(parameters=1234, gflops=2.5, num_steps=224, minutes=10.0 + run.seed, commit='abc')
            run.write(state='done', epochs=25, metrics=metrics, **facts)
    return study, runs, summarize(study, runs)


def test_a_mean_has_its_standard_error():
    assert estimate([3.0]) == (found := estimate(iter([3.0]))) and (found.mean, found.error, found.num) == (3, None, 1)
    of_four = estimate([1, 2, 3, 6])  # squares of 2, 1, 0, 3 over n - 1 = 3, and over 4
    assert of_four.mean == 3 and of_four.error == pytest.approx(math.sqrt(14 / 3 / 4)) and of_four.num == 4


def test_differences_are_of_the_same_seeds_and_the_same_condition(found):
    study, _, summary = found
    rows = {row.row: row for row in summary.rows}
    assert [row.seeds for row in rows.values()] == [[0, 1, 2], [0, 2], [0, 1, 2], [0, 1, 2]]
    assert rows['whole'].score.mean == 83 and rows['whole'].score.error == pytest.approx(math.sqrt(14 / 2 / 3))
    assert rows['whole'].difference is None and rows['whole, late'].difference is None
    half = rows['half'].difference  # 75 - 80 and 78 - 85
    assert (half.mean, half.error, half.num) == (-6, pytest.approx(1), 2)
    late = rows['half, late'].difference  # -10, -13, -10: a smaller error than that of either row
    assert (late.mean, late.error, late.num) == (-11, pytest.approx(1), 3)
    assert rows['whole'].epochs == {5: estimate([30, 34, 32]), 25: estimate([80, 84, 85])}
    assert rows['half'].tious == {'0.5': estimate([85, 88])}
    numbers = summary_json(study, summary)
    assert numbers['rows'][1]['difference'] == dict(mean=-6, error=pytest.approx(1), num=2)
    assert numbers['reference'] == 'whole' and numbers['notes'] == ['missing: half, seed 1']


def test_another_folder_goes_on_from_the_results(found, tmp_path, capsys):
    study, runs, summary = found
    write_json(tmp_path / 'numbers.json', summary_json(study, summary))
    elsewhere = study.runs(tmp_path / 'elsewhere')
    elsewhere[0].write(state='begun')
    elsewhere[1] = dataclasses.replace(elsewhere[1], config_hash='other')
    elsewhere[2].folder.mkdir(parents=True)  # somebody's own
    take_over(elsewhere, str(tmp_path / 'numbers.json'))
    assert [run.read() for run in elsewhere[3:]] == [run.read() for run in runs[3:]] != [None] * len(runs[3:])
    assert elsewhere[0].read().state == 'begun' and elsewhere[1].read() is elsewhere[2].read() is None
    assert f'{elsewhere[1]}: the result in {tmp_path}/numbers.json is of another config' in capsys.readouterr().out
    for content, said in (([], 'no list of results'), (dict(results=[dict(row='a')]), r'results\[0\] is no result')):
        write_json(tmp_path / 'wrong.json', content)
        with pytest.raises(UserInputError, match=said):
            take_over(elsewhere, str(tmp_path / 'wrong.json'))


def test_the_table_says_all_and_what_is_missing(found):
    study, runs, _ = found
    text = table_text(study, summarize(study, runs), with_epochs=True)
    cells = [[cell.strip() for cell in line.split('|')[1:-1]] for line in text.splitlines() if line.startswith('|')]
    assert cells[0] == (
        ['row', 'seeds', 'mAP', 'to whole', '0.5', 'epoch 5', 'epoch 25', 'parameters', 'GFLOPs (steps)', 'minutes']
    )
    assert cells[2][:5] == ['whole', '0, 1, 2', '83.00 ± 1.53', '', '93.0']
    assert cells[3] == (
        ['half', '0, 2', '76.50 ± 1.50', '-6.00 ± 1.00', '86.5', '21.00 ± 1.00', '76.50 ± 1.50', '1,234']
        + ['2.50 (224)', '11.0']
    )
    assert cells[5][:4] == ['half, late', '0, 1, 2', '51.00 ± 1.53', '-11.00 ± 1.00']
    assert text.splitlines()[-2:] == ['commits: abc', 'missing: half, seed 1']
    assert 'epoch' not in table_text(study, summarize(study, runs), with_epochs=False).splitlines()[0]


def test_what_is_of_another_config_is_in_no_mean(found, tmp_path):
    study, _, before = found
    shutil.copytree(Path(study.path).parent, tmp_path, dirs_exist_ok=True)
    (tmp_path / 'study.py').write_text(STUDY.replace("attn_window': 3", "attn_window': 5"))
    study = read_study(str(tmp_path / 'study.py'))
    runs = study.runs(tmp_path)
    runs[1].write(state='failed', error='disk full')
    summary = summarize(study, runs)
    assert [row.row for row in summary.rows] == ['whole', 'whole, late']
    assert summary.rows[0] == before.rows[0]
    assert summary.notes[:3] == [
        'missing: half, seed 0, failed: disk full',
        'missing: half, late, seed 0, whose result is of another config',
        'missing: half, seed 1',
    ]


def test_the_picture_shows_the_means_and_their_errors(found, tmp_path):
    study, _, summary = found
    root = Path(study.path).parent
    (axes,) = draw(study, summary).axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ['as it is', 'late']
    lines = {line.get_label(): line for line in axes.containers}
    assert [*lines['whole'].lines[0].get_ydata()] == [83, 62] and [*lines['half'].lines[0].get_ydata()] == [76.5, 51]
    (low, high), _ = (segment[:, 1] for segment in lines['half'].lines[2][0].get_segments())
    assert (low, high) == pytest.approx((75, 78))

    (tmp_path / 'study.py').write_text(STUDY.replace(", at='as it is'", '').partition('    dict(test_of')[0] + ']')
    study = read_study(str(tmp_path / 'study.py'))
    (axes,) = draw(study, summarize(study, study.runs(root))).axes
    assert [bar.get_width() for bar in axes.patches] == [83, 76.5]
    assert [label.get_text() for label in axes.get_yticklabels()] == ['whole', 'half']
    assert not any(label.get_parse_math() for label in axes.get_yticklabels())  # a dollar sign is one
