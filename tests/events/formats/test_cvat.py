from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import pytest
from events.formats.samples_json import CVAT, read_content, rows_of
from hypothesis import given
from hypothesis import strategies as st

from mmdel.events.formats import NO, SURELY, cvat
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError


def file_of(tracks, meta='<task><name>t</name></task>'):
    return f'<annotations><meta>{meta}</meta>{tracks}</annotations>'


def test_an_event_is_a_stretch_of_frames_on_which_a_track_is_visible(tmp_path):
    raw = read_content(cvat, tmp_path, CVAT)
    assert rows_of(raw) == [('street_1', 2, 4, 'car', 'track[0]'), ('street_1', 30, 40, 'car', 'track[0]')]
    assert raw.times == 'frames' and raw.videos == {'street_1': {}} and raw.columns == {'track': ['0', '0']}


@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_stretches_are_those_of_a_naive_loop(visible):
    """Every frame is in a stretch if and only if the track is visible on it."""
    shapes = ''.join(f'<box frame="{5 + i}" outside="{1 - flag}"/>' for i, flag in enumerate(visible))
    stretches = list(cvat._stretches('a', 'b', ElementTree.fromstring(f'<track>{shapes}</track>'), 1))
    assert [any(start <= 5 + i < end for start, end in stretches) for i in range(len(visible))] == visible
    assert all(end < other for (_, end), (other, _) in pairwise(stretches))


def test_tasks_of_a_project_are_videos_and_may_skip_frames(tmp_path):
    meta = (
        '<project><tasks><task><id>7</id><name>x</name><frame_filter>step=5</frame_filter><source>a.mp4</source></task>'
        '<task><id>8</id><name>empty</name></task></tasks></project>'
    )
    track = '<track id="0" label="x" task_id="7"><box frame="10" outside="0"/><box frame="15" outside="0"/></track>'
    raw = read_content(cvat, tmp_path, file_of(track, meta))
    assert rows_of(raw) == [('a', 10, 20, 'x', 'track[0]')] and list(raw.videos) == ['a', 'empty']
    with pytest.raises(UserInputError, match=r'track\[0\] has .*; expected label and task_id'):
        read_content(cvat, tmp_path, file_of(track.replace('task_id="7"', 'task_id="9"'), meta))


def test_a_skeleton_is_outside_if_all_its_points_are(tmp_path):
    def skeleton(frame, *outside):
        points = ''.join(f'<points label="p" outside="{flag}"/>' for flag in outside)
        return f'<skeleton frame="{frame}">{points}<attribute name="a">1</attribute></skeleton>'

    track = f'<track label="x">{skeleton(0, 0, 0)}{skeleton(1, 1, 0)}{skeleton(2, 1, 1)}</track>'
    assert [row[1:3] for row in rows_of(read_content(cvat, tmp_path, file_of(track)))] == [(0, 2)]


def test_older_files_name_the_video_beside_the_task(tmp_path):
    for meta, video in (
        ('<task><name>t</name></task><source>b.avi</source>', 'b'),
        ('<task><name>t</name></task>', 't'),
        ('', 'file'),
    ):
        assert list(read_content(cvat, tmp_path, file_of('<track label="x"/>', meta)).videos) == [video]


def test_what_is_broken_is_told(tmp_path):
    for track, message in (
        ('<track/>', r'track\[0\] has {}; expected label'),
        ('<track label="x"><box frame="-1"/></track>', r"track\[0\]: a box has the frame '-1'; expected a number"),
        ('<track label="x"><box/></track>', "a box has the frame ''"),
    ):
        with pytest.raises(UserInputError, match=message):
            read_content(cvat, tmp_path, file_of(track))
    with pytest.raises(UserInputError, match='is not XML'):
        read_content(cvat, tmp_path, '{}')


def test_pictures_and_other_xml_are_not_claimed(tmp_path):
    video = '<task><mode>interpolation</mode></task>'
    for content, says in (
        (file_of('', video), SURELY),
        (file_of('<image id="0"/>', video), NO),
        (file_of(''), NO),
        ('<annotations><track/></annotations>', NO),
        ('<tracks/>', NO),
        ('<annotations', NO),
    ):
        (tmp_path / 'a.xml').write_text(content)
        assert cvat.matches(Source(tmp_path / 'a.xml')) == says
