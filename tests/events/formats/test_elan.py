"""ELAN's files, against a file by hand and the package pympi."""

from __future__ import annotations

import re

import pytest
from events.formats.samples_tools import ELAN

from mmdel.events.events import Events
from mmdel.events.formats import elan
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError


def read(text, folder, **options):
    path = folder / 'stem.eaf'
    path.write_text(text, encoding='utf-8')
    return elan.read(Source(path), **options)


def test_annotations_of_all_kinds(tmp_path):
    raw = read(ELAN, tmp_path)
    assert raw.videos == {'naïve.007': {}} and raw.times == 1000
    assert raw.label == ['hello & <bye>', None, 'bonjour', 'music']
    assert list(zip(raw.start, raw.end, strict=True)) == [(0, 1500), (1500, 2340), (0, 1500), (780, 2340)]
    assert raw.columns == {'tier': ['speech', 'speech', 'French', 'music'], 'speaker': ['Ann', 'Ann', None, None]}
    assert raw.places[2] == 'annotation a3 of tier French'
    assert raw.left_out == {'annotations of tier music without a time of their own': 1}
    assert read(ELAN, tmp_path, tier='French').label == ['bonjour']


def test_the_video_is_the_first_media_file_else_the_file(tmp_path):
    assert list(read(re.sub('<MEDIA_DESCRIPTOR[^>]*>', '', ELAN), tmp_path).videos) == ['stem']
    raw = read(ELAN.replace(' MIME_TYPE="video/mp4"', ' MIME_TYPE="video/mp4" TIME_ORIGIN="200"'), tmp_path)
    assert raw.start[0] == 200  # of the media file, where the annotations' time begins


@pytest.mark.parametrize(
    ('before', 'after', 'message'),
    [
        ('TIME_UNITS="milliseconds"', 'TIME_UNITS="PAL-frames"', "TIME_UNITS: expected milliseconds, got 'PAL-frames'"),
        ('TIME_SLOT_REF2="ts4"', 'TIME_SLOT_REF2="ts9"', 'annotation a5 of tier music: expected two of the time slots'),
        ('ANNOTATION_REF="a1"', 'ANNOTATION_REF="a3"', 'annotation a3 of tier French: expected two of the time slots'),
        ('ANNOTATION_REF="a1"', '', 'annotation a3 of tier French: expected two of the time slots'),
        ('</ANNOTATION_DOCUMENT>', '', 'is not XML'),
    ],
)
def test_what_is_broken_is_said_with_its_place(before, after, message, tmp_path):
    assert ELAN.count(before) == 1
    with pytest.raises(UserInputError, match=rf'stem\.eaf.*{message}'):
        read(ELAN.replace(before, after), tmp_path)


def test_what_is_no_elan_file_or_defines_entities(tmp_path):
    with pytest.raises(UserInputError, match=r'stem\.eaf is no ELAN file'):
        read('<a/>', tmp_path)
    bomb = ELAN.replace('<ANNOTATION_DOCUMENT', '<!DOCTYPE a [<!ENTITY b "c">]><ANNOTATION_DOCUMENT')
    for content in (bomb.encode(), bomb.replace('UTF-8', 'UTF-16').encode('utf-16-le')):
        (tmp_path / 'bomb.eaf').write_bytes(content)
        with pytest.raises(UserInputError, match='entities'):
            elan.read(Source(tmp_path / 'bomb.eaf'))
    for encoding in ('UTF-9', 'utf-7', 'gb2312'):
        with pytest.raises(UserInputError, match='is not XML'):
            read(ELAN.replace('UTF-8', encoding), tmp_path)


def test_the_package_pympi_reads_what_is_written(tmp_path):
    package = pytest.importorskip('pympi')
    rows = [('v', 1.5, 2.0, 'a & b'), ('v', 0.0, 1.5, 'a & b'), ('v', 1.75, 3.0, 'a & b'), ('v', 0.25, 4.0, '犬')]
    elan.write(Events.from_rows(rows), tmp_path / 'v.eaf')
    document = package.Eaf(str(tmp_path / 'v.eaf'))
    found = {name: sorted(document.get_annotation_data_for_tier(name)) for name in document.get_tier_names()}
    assert found == {
        'a & b': [(0, 1500, 'a & b'), (1500, 2000, 'a & b')],
        'a & b (2)': [(1750, 3000, 'a & b')],
        '犬': [(250, 4000, '犬')],
    }
    times = list(document.timeslots.values())
    assert times == sorted(times) and document.tiers['犬'][2]['LINGUISTIC_TYPE_REF'] in document.linguistic_types


def test_what_the_package_pympi_writes_is_read(tmp_path):
    package = pytest.importorskip('pympi')
    document = package.Eaf()
    document.add_linked_file('file:///data/b.wav', mimetype='audio/x-wav')
    document.add_tier('x')
    document.add_annotation('x', 10, 1500, 'a')
    document.add_annotation('x', 2000, 3000, '')
    path = tmp_path / 'v.eaf'
    document.to_file(str(path))
    raw = elan.read(Source(path))
    assert (raw.video, raw.start, raw.end, raw.label) == (['b'] * 2, [10, 2000], [1500, 3000], ['a', None])
