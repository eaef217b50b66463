"""TextGrids, against files by hand and the package praatio."""

from __future__ import annotations

import pytest
from events.formats.samples_tools import SAMPLES, SHORT_TEXTGRID

from mmdel.events.events import Events, Video
from mmdel.events.formats import textgrid
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError


def read(content, folder, **options):
    path = folder / '007.TextGrid'
    path.write_bytes(content)
    return textgrid.read(Source(path), **options)


@pytest.mark.parametrize(
    ('sample', 'lines'),
    [
        ('textgrid', [22, 45]),
        ('textgrid UTF-16', [22, 45]),
        ('textgrid short, BOM, CRLF', [10, 28]),
    ],
)
def test_both_forms_are_one(sample, lines, tmp_path):
    raw = read(SAMPLES[sample][1], tmp_path)
    assert raw.videos == {'007': {'duration': '2.3'}} and raw.times == 'seconds'
    assert (raw.start, raw.end) == (['0.75', '0'], ['1.5e0', '2.3'])
    assert raw.label == ['says "item [2]: xmin = 9"', 'bark\nbark']
    assert raw.columns == {'tier': ['Mary "M"', '犬']} and raw.places == lines
    assert raw.left_out == {'points of tier bell, which have no end': 1}


def test_a_tier_that_is_not_asked_for_is_not_left_out_by_the_reader(tmp_path):
    raw = read(SHORT_TEXTGRID.encode(), tmp_path, tier='犬')
    assert raw.columns == {'tier': ['犬']} and not raw.left_out


@pytest.mark.parametrize(
    ('before', 'after', 'message'),
    [
        ('"bark\nbark"\n', '', "line 27: expected a text in tier 犬, got 'the end of the file'"),
        ('bark"\n', 'bark', "line 28: expected a text in tier 犬, got '\"'"),
        ('0.75 1.5e0', '0.75', 'line 10: expected a time in tier Mary "M", got \'says'),
        ('0.75 1.5e0', '0.75 1,5', 'line 10: expected a time in tier Mary "M", got \'says'),
        ('"TextTier"', '"Texttier"', "line 14: expected an IntervalTier or a TextTier, got 'Texttier'"),
        ('0 2.3 3', '0 2.3 3.5', 'line 8: expected the number of items of tier Mary "M", got \'3.5\''),
        ('0 2.3 3', '0 2.3 4', 'line 14: expected a time in tier Mary "M", got \'TextTier\''),
        ('<exists>', '', "line 7: expected <exists> or <absent>, got '3'"),
    ],
)
def test_what_is_cut_or_garbled_is_said_with_its_line(before, after, message, tmp_path):
    assert SHORT_TEXTGRID.count(before) == 1
    with pytest.raises(UserInputError) as error:
        read(SHORT_TEXTGRID.replace(before, after).encode(), tmp_path)
    assert f'007.TextGrid, {message}' in str(error.value)


def test_a_grid_lasts_as_long_as_its_events_at_least_if_that_is_known(tmp_path):
    path = tmp_path / '007.TextGrid'
    for events, duration in (
        (Events.from_rows([], [Video('007', 2.5)]), '2.500000'),
        (Events.from_rows([('007', 0, 3, 'a')], [Video('007', 2.5)]), '3.000000'),
    ):
        textgrid.write(events, path)
        assert textgrid.read(Source(path)).videos == {'007': {'duration': duration}}
    for rows in ([], [('007', 1, 2, 'a')]):
        textgrid.write(Events.from_rows(rows, [Video('007')]), path)
        assert textgrid.read(Source(path)).videos == {'007': {}}


def test_the_package_praatio_reads_what_is_written(tmp_path):
    package = pytest.importorskip('praatio.textgrid')
    rows = [('v', 1.5, 2.0, 'a "b"'), ('v', 0.0, 1.5, 'a "b"'), ('v', 1.75, 3.0, 'a "b"'), ('v', 0.25, 4.0, '犬')]
    for duration_sec in (None, 5.0):
        textgrid.write(Events.from_rows(rows, [Video('v', duration_sec)]), tmp_path / 'v.TextGrid')
        package.openTextgrid(str(tmp_path / 'v.TextGrid'), includeEmptyIntervals=True)
    grid = package.openTextgrid(str(tmp_path / 'v.TextGrid'), includeEmptyIntervals=True)
    assert (grid.minTimestamp, grid.maxTimestamp) == (0.0, 5.0)
    found = {tier.name: [tuple(entry) for entry in tier.entries] for tier in grid.tiers}
    assert found == {
        'a "b"': [(0.0, 1.5, 'a "b"'), (1.5, 2.0, 'a "b"'), (2.0, 5.0, '')],
        'a "b" (2)': [(0.0, 1.75, ''), (1.75, 3.0, 'a "b"'), (3.0, 5.0, '')],
        '犬': [(0.0, 0.25, ''), (0.25, 4.0, '犬'), (4.0, 5.0, '')],
    }
