"""Result files of this project and others."""

import json

import pytest

from mmdel.evaluation.result_file import load_video_list, number_classes, parse_predictions, read_results, task_labels
from mmdel.events.formats.activitynet import from_database
from mmdel.utils.errors import UserInputError

CLASSES = ('knock', 'speech')


def row(start, end, label, score):
    return dict(segment=[start, end], label=label, score=score)


def parse(results, **options):
    return parse_predictions(as_raw(results), ['a', 'b'], CLASSES, **options)


def as_raw(results):
    return from_database({name: dict(annotations=entries) for name, entries in results.items()}, 'results.json')


def test_names_and_numbers_of_classes_and_numbers_as_text():
    predictions, problems = parse({'b': [row(0, 1, 'speech', 0.5), row('2.5', 3, 0, '0.25')], 'a': [row(4, 5, 1, 1)]})
    assert predictions.videos.tolist() == [1, 1, 0]
    assert predictions.labels.tolist() == [1, 0, 1]
    assert predictions.segments.tolist() == [[0, 1], [2.5, 3], [4, 5]]
    assert predictions.scores.tolist() == [0.5, 0.25, 1]
    assert problems.lines() == []


def test_a_number_that_is_the_name_of_a_class_means_that_class():
    names = sorted(map(str, range(12)))  # '0', '1', '10', '11', '2', …
    for classes in (names, list(map(int, names)), ['-1', *names, 'noise', '007']):
        numbers = number_classes(classes)
        assert all(classes[numbers[label]] in (label, str(label)) for label in range(12))
        assert all(str(classes[numbers[label]]) == label for label in map(str, classes))
        assert 12 not in numbers and 7 in numbers
    assert number_classes(['b', 'a', '²']) == {'b': 0, 'a': 1, '²': 2, 0: 0, 1: 1, 2: 2}


def test_names_are_read_as_those_of_the_annotations_are(tmp_path):
    path = tmp_path / 'results.json'
    path.write_text(
        '\ufeff' + json.dumps({'results': {'cafe\u0301': [row(0, 1, ' cafe\u0301 ', 0.5)]}}), encoding='utf-8'
    )
    predictions, problems = parse_predictions(read_results(path), ['caf\xe9'], ['caf\xe9'])
    assert predictions.scores.tolist() == [0.5] and problems.lines() == []
    path.write_text(json.dumps(['cafe\u0301']))
    assert load_video_list(path) == ['caf\xe9']
    path.write_text(json.dumps({'results': {'cafe\u0301': [], 'caf\xe9': []}}))
    with pytest.raises(UserInputError, match='repeated-video-id, video caf\xe9'):
        parse_predictions(read_results(path), ['caf\xe9'], [])


def test_problems_are_counted_by_name():
    predictions, problems = parse(
        {
            'x': [row(0, 1, 'knock', 1)] * 2,
            'a': [row(0, 1, 'quack', 1), row(0, 1, 7, 1), row(0, 1, 'knock', None), row(5, 1, 'knock', 0.5)],
        }
    )
    assert problems.unknown_videos == {'x': 2}
    assert problems.unknown_classes == {'quack': 1, '7': 1}
    assert problems.nan_scores == {'a': 1}
    assert problems.reversed_segments == {'a': 1}
    assert problems.silent_videos == 1
    assert predictions.segments.tolist() == [[5, 5]]  # finds nothing
    assert len(problems.lines()) == 5


def test_many_problems_are_abridged():
    _, problems = parse({f'v{k}': [row(0, 1, 'knock', 1)] * (k + 1) for k in range(9)} | {'a': [], 'b': []})
    line = problems.lines()[0]
    assert line.startswith('45 predictions left out, 9 unknown videos: v8 (9), v7 (8)')
    assert line.endswith('…') and 'v3' not in line


def test_skipped_videos_are_no_problem():
    _, problems = parse({'x': [row(0, 1, 'knock', 1)]}, skipped_videos={'x'})
    assert not problems.unknown_videos


def test_an_action_is_a_verb_and_a_noun():
    entries = dict(verb=3, noun='egg'), dict(action='3,7', verb=1, noun=1), dict(verb=3)
    assert task_labels(as_raw({'a': list(entries)}), 'action') == ['3,egg', '3,7', None]


def test_a_broken_prediction_names_its_video():
    rows = row(0, 1, None, 1), row(0, 1, True, 1), row(0, float('nan'), 'knock', 1), row(0, 'end', 'knock', 1)
    for entry in (
        {},
        *rows,
        row(0, 1, 'knock', 'high'),
        row(0, 1, 'knock', True),
        row(0, 1, 'knock', 1e308),
        row(0, 1e308, 'knock', 1),
        dict(segment=[1], label='x', score=1),
    ):
        with pytest.raises(UserInputError, match=r'results\.json, video a, event 0: a prediction must have'):
            parse({'a': [entry]})
    for entry in (None, 'knock'):
        with pytest.raises(UserInputError, match=r'wrong-entry, video a, event 0, results\.json'):
            parse({'a': [entry]})


def test_files_that_are_no_result_file(tmp_path):
    for name, content, message in (
        ('a.json', '{', 'not JSON'),
        ('b.json', '[]', 'no known format'),
        ('c.json', '{"results": {"a": 1}}', "no known format: it is JSON with the keys 'results'"),
        ('d.pkl', '\x80\x04x', 'a pickle, which is not opened'),
        ('f.json', '{"database": {"a": {"annotations": [{"segment": [1, 2], "label": "x"}]}}}', 'have no scores'),
        ('e.json', None, 'No such file'),
    ):
        if content is not None:
            (tmp_path / name).write_bytes(content.encode('latin-1'))
        with pytest.raises(UserInputError, match=message):
            read_results(tmp_path / name)


def test_video_lists(tmp_path):
    path = tmp_path / 'blocked.json'
    for content in (['a', 'b'], {'a': 'reason', 'b': 'reason'}):
        path.write_text(json.dumps(content))
        assert load_video_list(path) == ['a', 'b']
    path.write_text('[1]')
    with pytest.raises(UserInputError, match='list of video ids'):
        load_video_list(path)
