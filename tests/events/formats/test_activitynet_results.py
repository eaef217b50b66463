"""ActivityNet's result files."""

from __future__ import annotations

import json

import pytest

from mmdel.events import Events
from mmdel.events.formats.activitynet_results import matches, read, write
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError

RESULTS = {'a': [dict(segment=[1, 2], label='x', score=0.5)], 'b': []}


@pytest.fixture
def source(tmp_path):
    def make(content):
        (tmp_path / 'x').write_text(json.dumps(content))
        return Source(tmp_path / 'x')

    return make


def test_predictions_are_events_with_scores(source):
    raw = read(source({'version': 1, 'results': RESULTS}))
    assert raw.videos == {'a': {}, 'b': {}} and raw.columns == {'score': [0.5]}
    assert (raw.video, raw.start, raw.end, raw.label) == (['a'], [1], [2], ['x'])


def test_it_is_recognised_by_its_lists_of_results(source):
    for content, sure in (
        ({'results': RESULTS}, 2),
        ({'results': {}}, 2),
        ({'results': RESULTS, 'database': {}}, 0),
        ({'results': {'a': 1}}, 0),
        ({'results': []}, 0),
        ([], 0),
    ):
        assert matches(source(content)) == sure
    for content in ({'results': {'a': 1}}, {}, [1]):
        with pytest.raises(UserInputError, match="needs a key 'results' that maps video ids to lists"):
            read(source(content))


def test_what_is_written_is_the_official_form(tmp_path):
    write(Events.from_rows([('a', 1.0, 2.0, 'x', 0.5)]), tmp_path / 'y.json')
    content = json.loads((tmp_path / 'y.json').read_text())
    assert content == {'version': 'mmdel', 'results': {'a': RESULTS['a']}, 'external_data': {}}
