import os
import signal
import subprocess
import sys
import tempfile

import numpy as np
import pytest
from tiny_bundle import make_bundle, write_media

from mmdel.inference import DetectVideos, EventInferencer
from mmdel.utils.errors import UserInputError


@pytest.fixture(scope='module')
def bundle_folder(tmp_path_factory):
    return make_bundle().save(tmp_path_factory.mktemp('bundle') / 'model')


@pytest.fixture(scope='module')
def paths(tmp_path_factory):
    """Thirty short videos, one that is long, one that is broken, one that is not there."""
    folder = tmp_path_factory.mktemp('media')
    paths = list(map(str, write_media(folder, {f'v{n:02d}': 1 + n % 4 for n in range(30)} | {'long': 40})))
    (folder / 'broken.mp4').write_bytes(b'no video')
    return [*paths[:10], str(folder / 'broken.mp4'), *paths[10:], str(folder / 'none.mp4')]


@pytest.fixture(scope='module')
def expected(bundle_folder, paths):
    return DetectVideos(bundle_folder, device='cpu')(dict(path=np.array(paths)))


def test_rows_keep_their_columns_and_get_three_more(bundle_folder, paths, expected):
    batch = dict(path=paths, day=np.arange(len(paths)))
    found = DetectVideos(str(bundle_folder), device='cpu', batch_size=5)(batch)
    assert [*found] == ['path', 'day', 'events', 'duration', 'error']
    assert found['path'] is paths and found['day'] is batch['day']
    assert {len(values) for values in found.values()} == {len(paths)}
    single = {detection.path: detection for detection in EventInferencer(bundle_folder, device='cpu')(iter(paths))}
    columns = (found[name] for name in ('path', 'events', 'duration', 'error'))
    for path, events, duration, error in zip(*columns, strict=True):
        detection = single[path]
        assert bool(error) == bool(detection.error)
        assert duration == detection.duration_sec if not error else np.isnan(duration)
        rows = [(event['start_sec'], event['end_sec'], event['label'], event['score']) for event in events]
        wanted = [tuple(event)[1:] for event in detection.events]
        assert [row[2] for row in rows] == [row[2] for row in wanted]
        np.testing.assert_allclose([[*row[:2], row[3]] for row in rows], [[*row[:2], row[3]] for row in wanted], 1e-4)
    assert [place for place, error in enumerate(found['error']) if error] == [10, len(paths) - 1]
    assert sum(map(len, found['events'])) > 30


def test_any_column_may_have_the_paths(bundle_folder, paths):
    detect = DetectVideos(bundle_folder, column='file', device='cpu')
    assert len(detect(dict(file=paths[:2]))['events']) == 2
    with pytest.raises(UserInputError, match="no column 'file', but 'path'"):
        detect(dict(path=paths[:2]))
    assert detect(dict(file=[]))['events'] == []


def test_no_engine_is_imported(bundle_folder, paths):
    code = (
        'import sys\nfrom mmdel.inference import DetectVideos\n'
        f'DetectVideos({str(bundle_folder)!r}, device="cpu")(dict(path={paths[:1]!r}))\n'
        "print({'ray', 'daft', 'pyarrow', 'pyspark'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == 'set()', done.stderr


def test_two_ray_workers_of_which_one_is_killed_give_the_same(bundle_folder, paths, expected, tmp_path, monkeypatch):
    ray = pytest.importorskip('ray')
    monkeypatch.setenv('RAY_DATA_DISABLE_PROGRESS_BARS', '1')
    marker = tmp_path / 'was_killed'

    class KilledOnce(DetectVideos):
        """The first that comes to the sixteenth video ends without a word, in the midst of its work."""

        def __call__(self, batch):
            if paths[16] in set(batch['path']) and not marker.exists():
                marker.write_text(str(os.getpid()))
                os.kill(os.getpid(), signal.SIGKILL)
            found = super().__call__(batch)
            return {**found, 'worker': np.full(len(batch['path']), os.getpid())}

    with tempfile.TemporaryDirectory(prefix='ray', dir='/tmp') as folder:  # whose sockets need a short path
        ray.init(
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            object_store_memory=100 * 2**20,
            _temp_dir=folder,
        )
        try:
            rows = ray.data.from_items([dict(path=path, place=place) for place, path in enumerate(paths)])
            done = rows.map_batches(
                KilledOnce,
                fn_constructor_args=[str(bundle_folder)],
                fn_constructor_kwargs=dict(device='cpu', amp='off'),
                compute=ray.data.ActorPoolStrategy(size=2),
                batch_size=4,
            ).take_all()
        finally:
            ray.shutdown()
    done.sort(key=lambda row: row['place'])
    assert [row['path'] for row in done] == paths
    assert [list(row['events']) for row in done] == expected['events']
    assert [row['error'] for row in done] == expected['error'].tolist()
    np.testing.assert_array_equal([row['duration'] for row in done], expected['duration'])
    assert marker.exists() and len({row['worker'] for row in done}) >= 2
