import threading
import time

import numpy as np
import pytest
from tiny_bundle import EXTRACTORS, make_bundle, random_features, write_media

from mmdel.inference.feature_folder import extractors_of, require_same_streams
from mmdel.inference.reading import StoredVideoReader
from mmdel.inference.reading_ahead import BLOCKS_AHEAD, read_ahead
from mmdel.runtime.reading import Input
from mmdel.utils.errors import UserInputError


def join(reading):
    blocks = [*reading]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


@pytest.mark.parametrize('dtype', [np.float16, np.float32, np.float64, np.int16])
def test_files_and_arrays_are_read_alike(tmp_path, dtype):
    reader = StoredVideoReader(make_bundle())
    features = {name: (10 * feature).astype(dtype) for name, feature in random_features(40).items()}
    paths = {name: tmp_path / f'{name}.npy' for name in features}
    for name, feature in features.items():
        np.save(paths[name], feature)
    read = [join(reader.open(Input('x', 'x', given))) for given in (features, paths)]
    for name in features:
        assert read[0][name].dtype == np.float32 and len(read[0][name]) == len(features['visual'])
        np.testing.assert_array_equal(read[0][name], read[1][name])
    np.testing.assert_array_equal(read[0]['visual'], features['visual'].astype(np.float32))


def test_parts_of_a_stream_are_put_side_by_side(tmp_path):
    reader, features = StoredVideoReader(make_bundle()), random_features(40)
    parts = np.split(features['visual'], [5], axis=1)
    for index, part in enumerate(parts):
        np.save(tmp_path / f'{index}.npy', part)
    files = [str(tmp_path / '0.npy'), str(tmp_path / '1.npy')]
    read = join(reader.open(Input('x', 'x', dict(features, visual=files))))
    np.testing.assert_array_equal(read['visual'], features['visual'])


def test_extractors_must_give_what_the_streams_say():
    other = dict(EXTRACTORS, visual=[dict(EXTRACTORS['visual'][0], rows=2)])
    with pytest.raises(UserInputError, match=r"extractors of stream 'visual' give 48 channels on .* reads 24 on"):
        StoredVideoReader(make_bundle(extractors=other)).require_media()
    StoredVideoReader(make_bundle()).require_media()


def test_no_video_is_read_further_than_its_queue(tmp_path):
    """Nor are more begun than may be; what is not asked for any more ends the threads."""
    reader, features = StoredVideoReader(make_bundle()), random_features(2000)
    videos = read_ahead((Input('x', str(n), features) for n in range(9)), reader, num_workers=2, num_ahead=3)
    first = next(videos)
    end = time.monotonic() + 20
    while not first._blocks.full() and time.monotonic() < end:
        time.sleep(0.01)
    assert first._blocks.qsize() == BLOCKS_AHEAD
    assert sum(len(block['visual']) for block in first) == len(features['visual'])
    assert first.error is None and first.seconds > 0 and first.duration_sec is not None
    videos.close()
    while any(thread.name.startswith('read') for thread in threading.enumerate()) and time.monotonic() < end:
        time.sleep(0.01)
    assert not any(thread.name.startswith('read') for thread in threading.enumerate())


def test_what_breaks_in_a_thread_is_the_videos_error(tmp_path, monkeypatch):
    paths = write_media(tmp_path, dict(a=2, b=2))
    reader = StoredVideoReader(make_bundle())
    monkeypatch.setattr(reader, 'extraction', lambda path: 1 / 0 if path.endswith('a.mp4') else extraction(path))
    extraction = StoredVideoReader.extraction.__get__(reader)
    items = [Input(str(path), path.stem) for path in paths]
    for video, error in zip(
        read_ahead(items, reader, 1, 1), ('ZeroDivisionError: division by zero', None), strict=True
    ):
        assert len([*video]) > 0 or error
        assert video.error == error


def test_extractors_of_a_data_sets_stream(tmp_path):
    """By the names of its files, whatever the stream is called; unknown where one of them is."""
    import json

    grid = dict(stride=1, window=1, fps=2, channels=3)
    streams = {
        name: dict(grid, extractors=[dict(type='mmdel.X', kind=name)], files=[f'{{id}}_{name}.npy'])
        for name in ('one', 'two')
    }
    (tmp_path / 'streams.json').write_text(json.dumps(streams))

    def kinds(*files):
        return [item['kind'] for item in extractors_of(dict(root='.', files=files), str(tmp_path))]

    assert kinds('{id}_two.npy', '{id}_one.npy') == ['two', 'one']
    assert kinds('{id}_one.npy', '{id}_three.npy') == [] == extractors_of(dict(root='x', files=['{id}_one.npy']))
    with pytest.raises(UserInputError, match="does not tell of stream 'three', which the model reads"):
        require_same_streams(dict(three=grid), tmp_path, 'the model')
    require_same_streams(dict(one=dict(grid, stride=2, window=2, fps=4)), tmp_path, 'the model')  # the same seconds
