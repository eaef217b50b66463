"""Tables as they are published, read by naming their columns."""

import csv

import pytest

from mmdel.datasets.annotation_file import load_database, parse_annotations
from mmdel.datasets.csv_annotations import load_csv_database
from mmdel.utils.errors import UserInputError

PLAIN = {'video': 'video', 'start': 'start', 'end': 'end', 'label': 'label', 'subsets': ['train']}
LFAV = {'video': 'filename', 'start': 'onset', 'end': 'offset', 'label': 'event_labels'}
EPIC = {
    'video': 'video_id',
    'start': 'start_timestamp',
    'end': 'stop_timestamp',
    'label': 'verb_class',
    'subsets': ['train', 'validation'],
    'videos': {'file': 'EPIC_100_video_info.csv', 'video': 'video_id', 'duration': 'duration', 'fps': 'fps'},
    'classes': {'file': 'EPIC_100_verb_classes.csv', 'id': 'id', 'name': 'key'},
}
EPIC_HEADER = (
    'narration_id,participant_id,video_id,narration_timestamp,start_timestamp,stop_timestamp,start_frame,stop_frame,'
    'narration,verb,verb_class,noun,noun_class,all_nouns,all_noun_classes'
)


@pytest.fixture
def table(tmp_path):
    """Writes files and returns the path of the last."""

    def write(*contents: str, names=('annotations.csv',)) -> str:
        for name, content in zip(names, contents, strict=True):
            (tmp_path / name).write_text(content, encoding='utf-8')
        return str(tmp_path / names[-1])

    return write


def segments(database, video_id):
    return [(*a['segment'], a['label']) for a in database[video_id]['annotations']]


@pytest.mark.parametrize('sign', [',', '\t', ';', '|', '&'])
def test_a_plain_table_with_any_delimiter(table, sign):
    rows = ['video,start,end,label', 'b,1.5,2,"Male speech, man speaking"', 'a,0,1:02.5,dog', 'b,1,3,dog', '']
    lines = [sign.join(next(csv.reader([row])) if row else []) for row in rows]
    text = '\n'.join(rows if sign == ',' else lines)
    database = load_csv_database(table(text), PLAIN)
    assert list(database) == ['b', 'a']
    assert segments(database, 'b') == [(1.5, 2.0, 'Male speech, man speaking'), (1.0, 3.0, 'dog')]
    assert database['a'] == {'subset': 'train', 'annotations': [{'segment': [0.0, 62.5], 'label': 'dog'}]}


@pytest.mark.parametrize('sign', ['\t', '|', '&'])
@pytest.mark.parametrize('label', ['"dog', 'dog"', 'a 12" disc', '"big" dog', '"'])
def test_a_quote_sign_without_its_partner_joins_no_lines(table, logged, sign, label):
    rows = ['video,start,end,label,more', f'a,1,2,{label},', 'b,1,2,cat,"', 'c,1,2,"x y",z', 'd,1,2,cow,"']
    database = load_csv_database(table('\n'.join(rows).replace(',', sign)), PLAIN)
    assert [segments(database, name)[0][2] for name in 'abcd'] == [label, 'cat', 'x y', 'cow']
    (said,) = logged
    assert 'lines have a quote sign without its partner, e.g. line ' in said and 'annotations.csv' in said


@pytest.mark.parametrize('sign', [',', ';'])
def test_a_quoted_cell_may_go_over_lines_but_not_over_rows(table, sign):
    rows = ['video,start,end,label,more', 'a,1,2,dog,"a note', 'of two lines"', 'b,1,2,cat,']
    database = load_csv_database(table('\n'.join(rows).replace(',', sign)), PLAIN)
    assert [segments(database, name)[0][2] for name in 'ab'] == ['dog', 'cat']
    rows = ['video,start,end,label', 'a,1,2,"dog', 'b,1,2,cat', 'c,1,2,"cow', 'd,1,2,"horse"']
    with pytest.raises(UserInputError, match=r'\.csv, line 2: a quote sign .* goes on to line 4'):
        load_csv_database(table('\n'.join(rows).replace(',', sign)), PLAIN)


def test_ids_are_one_name_in_both_unicode_forms(table):
    videos, events = 'id,seconds\ncafe\u0301,9\n', 'video,start,end,label\ncaf\xe9,1,2,x\ncafe\u0301,3,4,x\n'
    path = table(videos, events, names=('videos.csv', 'events.csv'))
    database = load_csv_database(
        path, {**PLAIN, 'videos': {'file': 'videos.csv', 'video': 'id', 'duration': 'seconds'}}
    )
    assert {name: (item['duration'], len(item['annotations'])) for name, item in database.items()} == {
        'caf\xe9': (9.0, 2)
    }


def test_numbers_that_became_fractions_are_whole(table):
    path = table('id,name\n3.0,open\n', 'video,start,end,label\na,1,2,3.0\n', names=('classes.csv', 'events.csv'))
    (event,) = load_csv_database(path, {**PLAIN, 'classes': {'file': 'classes.csv', 'id': 'id', 'name': 'name'}})['a'][
        'annotations'
    ]
    assert (event['label'], event['label_id']) == ('open', 3)


def test_columns_of_subset_duration_fps_and_number(table):
    text = '\ufeffid,from,to,what,no,split,seconds,rate\nx.WAV,1,2,cat,3,val,00:01:00.25,25\ny.mp4,,,,,train,9,30\n'
    layout = {'video': 'id', 'start': 'from', 'end': 'to', 'label': 'what', 'label_id': 'no', 'subset': 'split'}
    database = load_csv_database(table(text), {**layout, 'duration': 'seconds', 'fps': 'rate'})
    cat = {'segment': [1.0, 2.0], 'label': 'cat', 'label_id': 3}
    assert database == {
        'x': {'subset': 'val', 'duration': 60.25, 'fps': 25.0, 'annotations': [cat]},
        'y': {'subset': 'train', 'duration': 9.0, 'fps': 30.0, 'annotations': []},
    }
    assert parse_annotations(database, 'f', ()).classes == ('unused_0', 'unused_1', 'unused_2', 'cat')


def test_ave_s_lists_have_no_header_and_one_length(table):
    train = 'Church bell&RUhOCu3LNXM&good&0&10\nFemale speech, woman speaking&VWi2ENBuTbw&good&2&7\n'
    test = 'Male speech, man speaking&RUhOCu3LNXM&good&3&4\nFrying (food)&-BCNmQF1Ws4&good&0&10\n'
    pattern = table(train, test, names=('trainSet.txt', 'testSet.txt')).replace('testSet', '{subset}Set')
    layout = {'video': 1, 'start': 3, 'end': 4, 'label': 0, 'subsets': ['train', 'test'], 'duration_sec': 10.0}
    database = load_csv_database(pattern, layout)
    assert segments(database, 'VWi2ENBuTbw') == [(2.0, 7.0, 'Female speech, woman speaking')]
    assert {entry['duration'] for entry in database.values()} == {10.0}
    assert [database[name]['subset'] for name in ('RUhOCu3LNXM', '-BCNmQF1Ws4')] == ['train', 'test']
    assert segments(database, 'RUhOCu3LNXM') == [(0.0, 10.0, 'Church bell')]  # of the subset that is listed first
    whole = load_csv_database(
        table('Category&VideoID&Quality&StartTime&EndTime\n' + train, names=('Annotations.txt',)),
        {'video': 'VideoID', 'start': 'StartTime', 'end': 'EndTime', 'label': 'Category', 'subsets': ['train']},
    )
    assert segments(whole, 'RUhOCu3LNXM') == [(0.0, 10.0, 'Church bell')]


def test_a_video_of_two_subsets_is_reported(table, logged):
    pattern = table('a,1,2,x\n', 'a,1,2,x\nb,1,2,x\n', names=('train.csv', 'val.csv')).replace(
        'val.csv', '{subset}.csv'
    )
    load_csv_database(pattern, {'video': 0, 'start': 1, 'end': 2, 'label': 3, 'subsets': ['val', 'train']})
    assert len(logged) == 1 and "1 videos are in two subsets and count to the first: ['a']" in logged[0]


def test_epic_s_official_tables(table):
    rows = [
        "P01_01_0,P01,P01_01,00:00:01.089,00:00:00.14,00:00:03.37,8,202,open door,open,3,door,3,['door'],[3]",
        'P01_01_1,P01,P02_09,0:00:02.629,00:00:04.37,01:01:06.17,262,370,turn on,turn-on,6,light,114,"[1, 2]","[1, 2]"',
    ]
    ann_file = table(
        'video_id,duration,fps,resolution\nP01_01,3800.2,59.94005994005994,1920x1080\nP02_09,7,50.0,1920x1080\n',
        'id,key,instances,category\n0,take,"[1, 2]",retrieve\n3,open,"[1]",access\n6,turn-on,"[]",x\n',
        *(f'{EPIC_HEADER}\n{row}\n' for row in rows),
        names=('EPIC_100_video_info.csv', 'EPIC_100_verb_classes.csv', 'EPIC_100_train.csv', 'EPIC_100_validation.csv'),
    ).replace('validation', '{subset}')
    database = load_csv_database(ann_file, EPIC)
    assert [(name, entry['subset'], entry['duration']) for name, entry in database.items()] == [
        ('P01_01', 'train', 3800.2),
        ('P02_09', 'validation', 7.0),
    ]
    assert database['P01_01']['fps'] == pytest.approx(59.94, abs=1e-3)
    assert database['P01_01']['annotations'] == [{'segment': [0.14, 3.37], 'label': 'open', 'label_id': 3}]
    assert segments(database, 'P02_09') == [(4.37, 3666.17, 'turn-on')]
    assert len(parse_annotations(database, ann_file, (), num_classes=97).classes) == 97


def test_a_table_of_videos_that_names_subsets_also_names_videos_without_events(table):
    ann_file = table(
        'name,part,length\na,train,20\nb,val,30\n',
        'video,start,end,label\na,1,2,x\n',
        names=('videos.csv', 'events.csv'),
    )
    videos = {'file': 'videos.csv', 'video': 'name', 'subset': 'part', 'duration': 'length'}
    layout = {key: value for key, value in PLAIN.items() if key != 'subsets'}
    database = load_csv_database(ann_file, {**layout, 'videos': videos})
    assert database['b'] == {'subset': 'val', 'duration': 30.0, 'annotations': []}
    assert segments(database, 'a') == [(1.0, 2.0, 'x')]


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('', 'is empty'),
        ('\ufeff', 'no column'),
        ('video,start,end,label\na,1,2,Male speech, man speaking\n', r"line 2: 5 cells for 4 columns; a cell with ','"),
        ('video,start,end,label\n', 'has no row'),
        ('video,start,end,lable\na,1,2,x\n', r"no column 'label'; its header is \['video', 'start', 'end', 'lable'\]"),
        ('video,start,end,label\na,1,2\n', r'line 2: expected 4 columns'),
        ('video,start,end,label\n,1,2,x\n', 'line 2: the video has no name'),
    ],
)
def test_what_is_wrong_is_named_with_file_line_and_value(table, text, said):
    path = table(text)
    with pytest.raises(UserInputError, match=said) as raised:
        load_csv_database(path, PLAIN)
    assert path in str(raised.value)


def test_odd_cells_are_told_by_the_parser_with_their_line(table):
    rows = ['a,1,2,x', 'a,one,2,x', 'a,1,,x', 'b,nan,2,x', 'b,1,2,', 'b,1,1:61,y']
    path = table('\n'.join(['video,start,end,label', *rows]))
    found = parse_annotations(load_csv_database(path, {**PLAIN, 'duration_sec': 200}), path, ['train']).problems
    assert [(problem.kind, problem.video_id, problem.event, problem.found) for problem in found] == [
        ('wrong-segment', 'a', 1, "line 3: segment ['one', 2.0]"),
        ('wrong-segment', 'a', 2, "line 4: segment [1.0, '']"),
        ('wrong-segment', 'b', 0, "line 5: segment ['nan', 2.0]"),
        ('wrong-label', 'b', 1, "line 6: label ''"),
    ]


def test_tables_that_cannot_be_read_are_named(table, tmp_path):
    path = table('video,start,end,label\na,1,2,x\n')
    with pytest.raises(UserInputError, match=r'Cannot read the annotation file .*absent.csv'):
        load_csv_database(str(tmp_path / 'absent.csv'), PLAIN)
    with pytest.raises(UserInputError, match=r'Cannot read the annotation file .*none.csv'):
        load_csv_database(path, {**PLAIN, 'videos': {'file': 'none.csv', 'video': 'id'}})
    (tmp_path / 'latin.csv').write_bytes('video,start,end,label\ncaf\xe9,1,2,x\n'.encode('latin-1'))
    with pytest.raises(UserInputError, match=r'not in UTF-8 \(byte 0xe9 in line 2\), but perhaps in Latin-1'):
        load_csv_database(str(tmp_path / 'latin.csv'), PLAIN)
    (tmp_path / 'wide.csv').write_bytes('video,start,end,label\n'.encode('utf-16'))
    with pytest.raises(UserInputError, match='is text in UTF-16'):
        load_csv_database(str(tmp_path / 'wide.csv'), PLAIN)
    with pytest.raises(UserInputError, match=r'tells no subset.*subsets='):
        load_csv_database(path, {key: value for key, value in PLAIN.items() if key != 'subsets'})


@pytest.mark.parametrize(
    ('layout', 'said'),
    [
        ({'video': 'v', 'start': 's', 'end': 'e'}, "csv needs 'video', 'start', 'end', 'label'"),
        ({**PLAIN, 'lable': 'x'}, 'csv needs'),
        ({**PLAIN, 'video': 0}, 'all names or, without a header, all numbers'),
        ({**PLAIN, 'subsets': ['train', 'val']}, "must have '{subset}'"),
        ({**PLAIN, 'videos': {'file': 'x.csv'}}, 'videos of csv needs'),
        ({**PLAIN, 'classes': {'file': 'x.csv', 'id': 'i', 'key': 'k'}}, 'classes of csv needs'),
    ],
)
def test_a_wrong_layout_is_an_error(table, layout, said):
    with pytest.raises(ValueError, match=said):
        load_csv_database(table('video,start,end,label\na,1,2,x\n'), layout)
    with pytest.raises(ValueError, match="csv needs 'subsets'"):
        load_csv_database('{subset}.csv', {**PLAIN, 'subsets': []})


@pytest.mark.parametrize(('track', 'counts'), [('audio', (3845, 8384)), ('visual', (3734, 7519))])
def test_lfav_is_read_whole(shared_data, track, counts):
    """Against a plain split of its lines."""
    folder = shared_data / 'annotations'
    database = load_database(str(folder / f'lfav_{{subset}}_{track}.csv'), {**LFAV, 'subsets': ['val', 'test']})
    assert len(parse_annotations(database, 'lfav', ()).classes) == 35
    for subset, count in zip(('val', 'test'), counts, strict=True):
        lines = (folder / f'lfav_{subset}_{track}.csv').read_text().splitlines()[1:]
        rows = [(name, float(start), float(end), label) for name, start, end, label in (x.split('\t') for x in lines)]
        videos = [name for name, entry in database.items() if entry['subset'] == subset]
        assert len(rows) == count
        assert sorted((name, *event) for name in videos for event in segments(database, name)) == sorted(rows)
