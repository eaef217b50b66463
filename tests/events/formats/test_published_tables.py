"""The tables of data sets as they are published."""

import pytest

from mmdel.events.formats import (
    NO,
    SURELY,
    audioset_strong,
    ave,
    desed,
    epic_kitchens,
    epic_sounds,
    lfav,
    thumos,
)
from mmdel.events.reading import read_events
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError


def rows(raw):
    return list(zip(*raw.rows(), strict=True))


def test_epic_kitchens(sample):
    raw = epic_kitchens.read(sample('epic_kitchens'))
    assert rows(raw) == [
        ('P01_01', '00:00:00.14', '00:00:03.37', 'open', 2),
        ('P01_01', '01:00:04.37', '01:00:06.17', 'turn-on', 3),
    ]
    assert raw.columns['noun_class'] == ['3', '114'] and raw.columns['all_nouns'] == ["['door']", '[1, 2]']
    assert epic_kitchens.read(sample('epic_kitchens'), label='noun').label == ['door', 'light']
    with pytest.raises(UserInputError, match="has no column 'nuon'"):
        epic_kitchens.read(sample('epic_kitchens'), label='nuon')


def test_epic_sounds(sample):
    raw = epic_sounds.read(sample('epic_sounds'))
    assert rows(raw) == [('P01_01', '00:00:02.466', '00:00:05.315', 'rustle', 2)]
    assert raw.columns['label_id'] == [4] and raw.columns['description'] == ['paper rustling']


def test_lfav_and_llp(sample):
    assert rows(lfav.read(sample('lfav'))) == [('ZF-pF6v3fb0', '2', '5', 'clapping', 2)]
    raw = lfav.read(sample('lfav of whole videos'))
    assert raw.videos == {'6b1wUNMSnTs_30_40': {}, 'JvdZs4vOZJg_12_22': {}} and not len(raw)
    assert raw.left_out == {'labels of a whole video, without times': 2}


@pytest.mark.parametrize('name', ['lfav_val_audio.csv', 'lfav_test_visual.csv'])
def test_lfav_s_own_files(shared_data, name):
    path = shared_data / 'annotations' / name
    lines = [line.split('\t') for line in path.read_text().splitlines()[1:]]
    events = read_events(path)
    kept = [(video, float(start), float(end), label) for video, start, end, label in lines]
    assert sorted(event[:4] for event in events) == sorted(row for row in kept if row[1] <= row[2])


def test_desed(sample):
    raw = desed.read(sample('desed'))
    assert raw.videos == {'Ya_1.000_11.000': {}, 'Yb_1.000_11.000': {}}
    assert rows(raw) == [('Ya_1.000_11.000', '0.5', '1.25', 'Speech', 2)]


def test_audioset_strong(sample):
    assert rows(audioset_strong.read(sample('audioset_strong'))) == [
        ('b0RFKhbpFJA_30000', '0.000', '10.000', '/m/03m9d0z', 2)
    ]


def test_ave_with_and_without_a_header(sample):
    raw = ave.read(sample('ave'))
    assert rows(raw) == [('VWi2ENBuTbw', '2', '7', 'Female speech, woman speaking', 2)]
    raw = ave.read(sample('ave without a header'))
    assert rows(raw) == [('RUhOCu3LNXM', '0', '10', 'Church bell', 1)]
    assert raw.videos == {'RUhOCu3LNXM': {'duration': 10.0}}


def test_thumos_names_the_class_by_the_file(sample, table_file):
    raw = thumos.read(sample('thumos'))
    assert [(row[0][-3:], *row[1:]) for row in rows(raw)] == [
        ('266', '72.8', '76.4', 'BaseballPitch', 1),
        ('681', '44.0', '50.9', 'BaseballPitch', 2),
        ('266', '80', '82', 'BaseballPitch', 3),
    ]
    subset = {'subset': 'validation'}
    assert raw.videos == {'video_validation_0000266': subset, 'video_validation_0000681': subset}
    source = Source(table_file('\nvideo_test_0000004 0.2 1.1\n', names=['x.txt']))
    with pytest.raises(UserInputError, match=r'must be called like Diving_val\.txt'):
        thumos.read(source)
    raw = thumos.read(source, label='Diving')
    assert rows(raw) == [('video_test_0000004', '0.2', '1.1', 'Diving', 2)]
    assert raw.videos == {'video_test_0000004': {'subset': 'test'}}
    for line in ('video_test_0000004 0.2', 'video 0.2 1.1', 'video_test_0000004 0.2 1.1 3'):
        source = Source(table_file(f'video_test_0000004 0.2 1.1\n{line}\n', names=['A_test.txt']))
        with pytest.raises(UserInputError, match=r'line 2: expected video_validation_0000001 72\.8 76\.4, got'):
            thumos.read(source)


@pytest.mark.parametrize(
    ('module', 'text', 'expected'),
    [
        (lfav, 'filename\tonset\toffset\tevent_labels\n', SURELY),
        (lfav, 'filename,event_labels\n', SURELY),
        (lfav, 'filename\tonset\toffset\tevent_label\n', NO),
        (desed, 'filename\tonset\toffset\tevent_label\n', SURELY),
        (audioset_strong, 'segment_id\tstart_time_seconds\tend_time_seconds\tlabel\tpresent\n', SURELY),
        (audioset_strong, 'segment_id\tlabel\n', NO),
        (epic_kitchens, 'video_id,start_timestamp,stop_timestamp,verb\n', NO),
        (epic_sounds, 'annotation_id,video_id,start_timestamp,stop_timestamp\n', NO),
        (ave, 'A, b&x&good&0&10\n', SURELY),
        (ave, 'A, b&x&good&0&11\n', NO),
        (ave, 'A&x&good&0\n', NO),
        (thumos, 'video_background_000004 0 1\n', SURELY),
        (thumos, 'video_test_0000004\n', NO),
    ],
)
def test_they_are_known_by_their_first_line(module, text, expected, table_file):
    assert module.matches(Source(table_file(text))) == expected
    assert module.matches(Source(table_file(''))) == NO
