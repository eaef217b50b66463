"""Tables as they are published, read by naming their columns."""

import csv

import pytest

from mmdel.events.formats.table_layout import TableLayout, read_table, read_tables
from mmdel.events.source import Source
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


def segments(raw, video_id):
    rows = zip(raw.video, raw.start, raw.end, raw.label, strict=True)
    return [row[1:] for row in rows if row[0] == video_id]


@pytest.mark.parametrize('sign', [',', '\t', ';', '|', '&'])
def test_a_plain_table_with_any_delimiter(table_file, sign):
    rows = ['video,start,end,label', 'b,1.5,2,"Male speech, man speaking"', 'a,0,1:02.5,dog', 'b,1,3,dog', '']
    lines = [sign.join(next(csv.reader([row])) if row else []) for row in rows]
    raw = read_tables(table_file('\n'.join(rows if sign == ',' else lines)), PLAIN)
    assert raw.videos == {'b': {'subset': 'train'}, 'a': {'subset': 'train'}}
    assert segments(raw, 'b') == [('1.5', '2', 'Male speech, man speaking'), ('1', '3', 'dog')]
    assert segments(raw, 'a') == [('0', '1:02.5', 'dog')]
    assert raw.places == [2, 3, 4] and raw.times == 'seconds'


def test_ids_are_one_name_in_both_unicode_forms(table_file):
    videos, events = 'id,seconds\ncafe\u0301,9\n', 'video,start,end,label\ncaf\xe9,1,2,x\ncafe\u0301,3,4,x\n'
    path = table_file(videos, events, names=('videos.csv', 'events.csv'))
    raw = read_tables(path, {**PLAIN, 'videos': {'file': 'videos.csv', 'video': 'id', 'duration': 'seconds'}})
    assert raw.videos == {'caf\xe9': {'subset': 'train', 'duration': 9.0}} and raw.video == ['caf\xe9'] * 2


def test_numbers_of_classes_that_became_fractions_are_whole(table_file):
    path = table_file(
        'id,name\n3.0,open\n', 'video,start,end,label\na,1,2,3.0\na,1,2,\n', names=('classes.csv', 'events.csv')
    )
    raw = read_tables(path, {**PLAIN, 'classes': {'file': 'classes.csv', 'id': 'id', 'name': 'name'}})
    assert (raw.label, raw.columns['label_id']) == (['open', ''], [3, None])


def test_columns_of_subset_duration_fps_number_and_score_and_those_without_a_meaning(table_file):
    text = (
        '\ufeffid,from,to,what,no,split,seconds,rate,sure,who,fps,\r\n'
        'x.WAV,1,2,cat,3,val,00:01:00.25,25,.5,me,,i\r\n'
        'y.mp4,,,,,train,9,30,,,,\r\n'
        'x.wav,3,4,cow,x,val,,24,high,,,j\r\n'
    )
    layout = {'video': 'id', 'start': 'from', 'end': 'to', 'label': 'what', 'label_id': 'no', 'subset': 'split'}
    raw = read_tables(table_file(text), {**layout, 'duration': 'seconds', 'fps': 'rate', 'score': 'sure'})
    assert raw.videos == {
        'x': {'subset': 'val', 'duration': 60.25, 'fps': 25.0},
        'y': {'subset': 'train', 'duration': 9.0, 'fps': 30.0},
    }
    assert segments(raw, 'x') == [('1', '2', 'cat'), ('3', '4', 'cow')] and raw.places == [2, 4]
    assert raw.columns == {'label_id': [3, 'x'], 'score': [0.5, 'high'], 'who': ['me', None]}
    assert [(name[:8], count) for name, count in raw.left_out.items()] == [('column 1', 1), ('column 1', 1)]
    (problem,) = raw.problems
    assert (problem.video_id, problem.found) == ('x', 'fps 25.0 and 24.0: the first counts')


def test_ave_s_lists_have_no_header_and_one_length(table_file):
    train = 'Church bell&RUhOCu3LNXM&good&0&10\nFemale speech, woman speaking&VWi2ENBuTbw&good&2&7\n'
    test = 'Male speech, man speaking&RUhOCu3LNXM&good&3&4\nFrying (food)&-BCNmQF1Ws4&good&0&10\n'
    pattern = table_file(train, test, names=('trainSet.txt', 'testSet.txt')).replace('testSet', '{subset}Set')
    layout = {'video': 1, 'start': 3, 'end': 4, 'label': 0, 'subsets': ['train', 'test'], 'duration_sec': 10.0}
    raw = read_tables(pattern, layout)
    assert segments(raw, 'VWi2ENBuTbw') == [('2', '7', 'Female speech, woman speaking')]
    assert {fields['duration'] for fields in raw.videos.values()} == {10.0}
    assert [raw.videos[name]['subset'] for name in ('RUhOCu3LNXM', '-BCNmQF1Ws4')] == ['train', 'test']
    assert segments(raw, 'RUhOCu3LNXM') == [('0', '10', 'Church bell')]  # of the subset that is listed first
    assert raw.places == ['trainSet.txt, line 1', 'trainSet.txt, line 2', 'testSet.txt, line 2']
    whole = read_tables(
        table_file('Category&VideoID&Quality&StartTime&EndTime\n' + train, names=('Annotations.txt',)),
        {'video': 'VideoID', 'start': 'StartTime', 'end': 'EndTime', 'label': 'Category'},
    )
    assert segments(whole, 'RUhOCu3LNXM') == [('0', '10', 'Church bell')]


@pytest.mark.parametrize('alone', [True, False])
def test_a_video_of_two_subsets_counts_to_the_first_and_is_reported(table_file, logged, alone):
    layout = {'video': 'v', 'start': 's', 'end': 'e', 'label': 'l'}
    if alone:
        pattern = table_file('v,s,e,l,split\na,1,2,x,val\na,3,4,x,train\na,5,6,y,val\nb,1,2,x,train\n')
        raw = read_tables(pattern, {**layout, 'subset': 'split'})
    else:
        files = 'v,s,e,l\na,3,4,x\nb,1,2,x\n', 'v,s,e,l\na,1,2,x\na,5,6,y\n'
        pattern = table_file(*files, names=('train.csv', 'val.csv')).replace('val.csv', '{subset}.csv')
        raw = read_tables(pattern, {**layout, 'subsets': ['val', 'train']})
    assert [*zip(raw.video, raw.start, strict=True)] == [('a', '1'), ('a', '5'), ('b', '1')]
    assert raw.videos == {'a': {'subset': 'val'}, 'b': {'subset': 'train'}}
    assert len(logged) == 1 and "1 videos are in two subsets and count to the first: ['a']" in logged[0]


def test_epic_s_official_tables(table_file):
    rows = [
        "P01_01_0,P01,P01_01,00:00:01.089,00:00:00.14,00:00:03.37,8,202,open door,open,3,door,3,['door'],[3]",
        'P01_01_1,P01,P02_09,0:00:02.629,00:00:04.37,01:01:06.17,262,370,turn on,turn-on,6,light,114,"[1, 2]","[1, 2]"',
    ]
    ann_file = table_file(
        'video_id,duration,fps,resolution\nP01_01,3800.2,59.94005994005994,1920x1080\nP02_09,7,50.0,1920x1080\n',
        'id,key,instances,category\n0,take,"[1, 2]",retrieve\n3,open,"[1]",access\n6,turn-on,"[]",x\n',
        *(f'{EPIC_HEADER}\n{row}\n' for row in rows),
        names=('EPIC_100_video_info.csv', 'EPIC_100_verb_classes.csv', 'EPIC_100_train.csv', 'EPIC_100_validation.csv'),
    ).replace('validation', '{subset}')
    raw = read_tables(ann_file, EPIC)
    assert raw.videos == {
        'P01_01': {'subset': 'train', 'duration': 3800.2, 'fps': 59.94005994005994},
        'P02_09': {'subset': 'validation', 'duration': 7.0, 'fps': 50.0},
    }
    assert segments(raw, 'P01_01') == [('00:00:00.14', '00:00:03.37', 'open')]
    assert segments(raw, 'P02_09') == [('00:00:04.37', '01:01:06.17', 'turn-on')]
    assert raw.columns['label_id'] == [3, 6] and raw.columns['all_nouns'] == ["['door']", '[1, 2]']


def test_a_table_of_videos_that_names_subsets_also_names_videos_without_events(table_file):
    ann_file = table_file(
        'name,part,length\na,train,20\nb,val,30\n',
        'video,start,end,label\na,1,2,x\n',
        names=('videos.csv', 'events.csv'),
    )
    videos = {'file': 'videos.csv', 'video': 'name', 'subset': 'part', 'duration': 'length'}
    raw = read_tables(ann_file, {**PLAIN, 'subsets': [], 'videos': videos})
    assert raw.videos == {'a': {'subset': 'train', 'duration': 20.0}, 'b': {'subset': 'val', 'duration': 30.0}}
    assert segments(raw, 'a') == [('1', '2', 'x')]


def test_what_the_options_tell_is_not_taken_from_columns_that_they_do_not_name(table_file):
    path = table_file(
        'id,seconds\na,20\n',
        'video,start_sec,end_sec,label,duration_sec,fps,subset\na,1,2,x,9,25,val\n',
        names=('videos.csv', 'events.csv'),
    )
    videos = {'file': 'videos.csv', 'video': 'id', 'duration': 'seconds'}
    known = {'subset': 'val', 'duration': 9.0, 'fps': 25.0}
    assert read_tables(path, {}).videos == {'a': known}
    assert read_tables(path, {'videos': videos}).videos == {'a': {**known, 'duration': 20.0}}
    assert read_tables(path, {'subsets': ['test'], 'duration_sec': 5}).videos == {
        'a': {**known, 'subset': 'test', 'duration': 5}
    }
    assert read_tables(path, {'subsets': ['test'], 'subset': 'subset'}).videos == {'a': known}


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
def test_what_is_wrong_is_named_with_file_line_and_value(table_file, text, said):
    path = table_file(text)
    with pytest.raises(UserInputError, match=said) as raised:
        read_tables(path, PLAIN)
    assert path in str(raised.value)


def test_odd_cells_stay_for_the_parser(table_file):
    rows = ['a,one,2,x', 'a,1,,x', 'b,nan,2,x', 'b,1,2,', 'b,"1,5",1:61,y']
    raw = read_table(Source(table_file('\n'.join(['video,start,end,label', *rows]))), TableLayout(**PLAIN))
    assert segments(raw, 'a') + segments(raw, 'b') == [
        ('one', '2', 'x'),
        ('1', '', 'x'),
        ('nan', '2', 'x'),
        ('1', '2', ''),
        ('1,5', '1:61', 'y'),
    ]


def test_tables_that_cannot_be_read_are_named(table_file, tmp_path):
    path = table_file('id,name\nx,open\n', 'video,start,end,label\na,1,2,7\n', names=('classes.csv', 'events.csv'))
    for name, layout, said in (
        ('absent.csv', {}, r'Cannot read the .*absent\.csv'),
        ('events.csv', {'videos': {'file': 'none.csv', 'video': 'id'}}, r'Cannot read the .*none\.csv'),
        ('events.csv', {'classes': {'file': 'classes.csv', 'id': 'id', 'name': 'name'}}, r"line 2: id .*, got 'x'"),
        ('events.csv', {'classes': {'file': 'events.csv', 'id': 'end', 'name': 'label'}}, r'line 2: .* no class 7'),
        ('latin.csv', {}, r'not in UTF-8 \(byte 0xe9 in line 2\), but perhaps in Latin-1'),
    ):
        (tmp_path / 'latin.csv').write_bytes('video,start,end,label\ncaf\xe9,1,2,x\n'.encode('latin-1'))
        with pytest.raises(UserInputError, match=said):
            read_tables(path.replace('events.csv', name), {**PLAIN, **layout})


@pytest.mark.parametrize(
    ('layout', 'said'),
    [
        ({**PLAIN, 'lable': 'x'}, 'csv may have'),
        ({**PLAIN, 'video': 0}, 'all names or, without a header, all numbers'),
        ({**PLAIN, 'subsets': ['train', 'val']}, "must have '{subset}'"),
        ({**PLAIN, 'videos': {'file': 'x.csv'}}, 'videos of csv needs'),
        ({**PLAIN, 'classes': {'file': 'x.csv', 'id': 'i', 'key': 'k'}}, 'classes of csv needs'),
    ],
)
def test_a_wrong_layout_is_an_error(table_file, layout, said):
    with pytest.raises(ValueError, match=said):
        read_tables(table_file('video,start,end,label\na,1,2,x\n'), layout)
    with pytest.raises(ValueError, match="csv needs 'subsets'"):
        read_tables('{subset}.csv', {**PLAIN, 'subsets': []})


@pytest.mark.parametrize(('track', 'counts'), [('audio', (3845, 8384)), ('visual', (3734, 7519))])
def test_lfav_is_read_whole(shared_data, track, counts):
    """Against a plain split of its lines."""
    folder = shared_data / 'annotations'
    raw = read_tables(str(folder / f'lfav_{{subset}}_{track}.csv'), {**LFAV, 'subsets': ['val', 'test']})
    assert len(set(raw.label)) == 35
    for subset, count in zip(('val', 'test'), counts, strict=True):
        lines = (folder / f'lfav_{subset}_{track}.csv').read_text().splitlines()[1:]
        rows = zip(raw.video, raw.start, raw.end, raw.label, strict=True)
        found = [row for row in rows if raw.videos[row[0]]['subset'] == subset]
        assert len(found) == count and found == [tuple(line.split('\t')) for line in lines]
