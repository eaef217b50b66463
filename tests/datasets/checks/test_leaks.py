from __future__ import annotations

import pytest

from mmdel.datasets.checks import Source
from mmdel.datasets.checks.leaks import Member, check_leaks, plain_id
from mmdel.events import Event
from mmdel.events.annotations import AnnotatedVideo
from mmdel.events.raw import RawEvents


def member(video_id, subset, num_events=0, digests=(), duration=10.0):
    events = [Event(video_id, float(place), place + 1.0, 'a') for place in range(num_events)]
    features = {digest: f'{video_id}_{digest}.npy' for digest in digests}
    return Member(
        AnnotatedVideo(video_id, subset, duration, None, events),
        Source('x.json', RawEvents('x.json')),
        subset == 'train',
        features,
    )


def found(*members):
    return [(problem.kind, problem.video_id) for _, problem in check_leaks(members)]


@pytest.mark.parametrize('other', ['V_abc-1', 'abc_1.mp4', ' abc-1', 'ABC 1', 'ａbc-1'])
def test_spellings_of_one_id(other):
    assert plain_id('abc-1') == plain_id(other)
    assert found(member('abc-1', 'train'), member(other, 'test')) == [('leak-video-id', 'abc-1')]


@pytest.mark.parametrize('other', ['abc-11', 'abc', 'abc-2', 'ab-c1', '視頻', 'abc--1'])
def test_other_ids(other):
    assert plain_id('abc-1') != plain_id(other)


def test_the_trained_one_is_named_wherever_it_stands():
    for pair in ([member('a', 'train'), member('A', 'test')], [member('A', 'test'), member('a', 'train')]):
        assert found(*pair) == [('leak-video-id', 'a')]
    assert found(member('a', 'val'), member('A', 'test')) == [('leak-video-id', 'A')]


def test_the_same_id_in_two_subsets_of_two_files():
    assert found(member('a', 'train'), member('a', 'test')) == [('leak-video-id', 'a')]
    assert found(member('a', 'test'), member('a', 'test')) == []


def test_a_pair_is_told_once_by_its_strongest_sign():
    same = dict(num_events=3, digests='pq')
    assert found(member('a', 'train', **same), member('A', 'test', **same)) == [('leak-video-id', 'a')]
    assert found(member('a', 'train', **same), member('b', 'test', **same)) == [('leak-features', 'a')]
    assert found(member('a', 'train', 3), member('b', 'test', 3)) == [('leak-annotations', 'a')]
    assert found(member('a', 'train', 3, 'p'), member('b', 'train', 3, 'pq')) == []


def test_few_events_or_another_duration_may_be_chance():
    assert found(member('a', 'train', 2), member('b', 'test', 2)) == []
    assert found(member('a', 'train', 3), member('b', 'test', 3, duration=11.0)) == []


def test_the_files_are_named():
    ((owner, problem),) = check_leaks([member('a', 'train', digests='p'), member('b', 'test', digests='p')])
    assert owner.video.video_id == 'a' and problem.file == 'a_p.npy'
    assert problem.found == "the content of b_p.npy, video 'b' of subset 'test'"
