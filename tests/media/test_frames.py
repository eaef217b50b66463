from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from media_files import COLUMNS, ROWS, numbered, numbers, write_media

from mmdel.media.frames import Deinterlacer, to_picture
from mmdel.media.opening import probe
from mmdel.media.rates import PictureRate
from mmdel.media.reader import MediaReader

av = pytest.importorskip('av')
TIMES = [k / 25 for k in range(10)]
QUARTERS = np.kron(np.array([[10, 80], [160, 240]], np.uint8), np.ones((16, 32), np.uint8))[..., None].repeat(3, axis=2)


def first_picture(path, **rate):
    return next(iter(MediaReader(path, dict(v=PictureRate(5, **rate)))))['v'][0]


@pytest.mark.parametrize(
    'pix_fmt', ['rgb24', 'yuv444p', 'yuv420p', 'yuv420p10le', 'yuvj420p', 'nv12', 'gbrp', 'yuva420p']
)
def test_an_enlarged_picture_is_made_small_again_exactly(pix_fmt):
    small = np.random.default_rng(0).integers(0, 256, (36, 48, 3), dtype=np.uint8)
    large = small.repeat(10, axis=0).repeat(10, axis=1)
    frame = av.VideoFrame.from_ndarray(large, format='rgb24').reformat(format=pix_fmt, interpolation='POINT')
    error = np.abs(to_picture(frame, PictureRate(8, 36, 48)).astype(int) - small)
    assert error.max() <= (0 if pix_fmt == 'rgb24' else 4)


@pytest.mark.parametrize('degrees', [0, 90, 180, -90])
def test_pictures_are_turned_as_the_file_says(tmp_path, degrees):
    path = write_media(tmp_path / 'x.mp4', TIMES, pictures=[QUARTERS] * 10, rotation=degrees)
    turned = np.rot90(QUARTERS[::16, ::32], degrees // 90)
    got = first_picture(path, height=2, width=2)
    assert np.abs(got.astype(int) - turned).max() < 6
    info = probe(path).picture
    assert (info.height, info.width) == ((64, 32) if degrees % 180 else (32, 64))


@pytest.mark.parametrize(('hflip', 'vflip'), [(True, False), (False, True)])
def test_mirrored_pictures_are_mirrored_back(tmp_path, hflip, vflip):
    with av.open(str(tmp_path / 'x.mp4'), 'w') as out:
        stream = out.add_stream('libx264', rate=25)
        stream.height, stream.width, stream.pix_fmt = 32, 64, 'yuv420p'
        stream.set_display_rotation(90, hflip=hflip, vflip=vflip)
        out.mux(stream.encode(av.VideoFrame.from_ndarray(QUARTERS, format='rgb24')))
        out.mux(stream.encode(None))
    frame = next(av.open(str(tmp_path / 'x.mp4')).decode(video=0))
    matrix = np.frombuffer(frame.side_data['DISPLAYMATRIX'], np.int32)
    a, b, _, c, d = (matrix[:5] // 65536).tolist()
    wanted = np.zeros((2, 2), int)  # the definition: a pixel at (column, row), the origin in the middle, goes to …
    for row, column in np.ndindex(2, 2):
        x, y = 2 * column - 1, 2 * row - 1
        to_x, to_y = a * x + c * y, b * x + d * y
        wanted[(to_y + 1) // 2, (to_x + 1) // 2] = QUARTERS[16 * row, 32 * column, 0]
    assert np.abs(first_picture(tmp_path / 'x.mp4', height=2, width=2)[..., 0].astype(int) - wanted).max() < 6


@pytest.mark.parametrize('aspect', [Fraction(1), Fraction(2)])
def test_pictures_of_another_shape_are_stretched_cropped_or_padded(tmp_path, aspect):
    path = write_media(tmp_path / 'x.mp4', TIMES, pictures=[QUARTERS] * 10, aspect=aspect)  # 64 x 32
    times = int(aspect)
    assert (probe(path).picture.width, probe(path).picture.height) == (64 * times, 32)
    stretched = first_picture(path, height=32, width=32)
    assert np.abs(stretched.astype(int) - QUARTERS[:, ::2]).max() < 12
    padded = first_picture(path, height=64 * times, width=64 * times, fit='pad')
    bar = (64 * times - 32) // 2
    assert not padded[: bar - 1].any() and not padded[1 - bar :].any()
    assert np.abs(padded[bar + 4, 8].astype(int) - 10).max() < 6 and np.abs(padded[-bar - 4, -8] - 240.0).max() < 6
    cropped = first_picture(path, height=32, width=32, fit='crop')
    assert np.abs(cropped[4, 4] - 10.0).max() < 6 and np.abs(cropped[-4, -4] - 240.0).max() < 6
    edge = first_picture(path, height=2, width=64, fit='crop')  # of 2 rows, the middle ones
    assert np.abs(edge[0, 4] - 10.0).max() < 20 and np.abs(edge[1, 4] - 160.0).max() < 20


def test_an_absurd_shape_asks_for_no_absurd_memory():
    frame = av.VideoFrame(8000, 2, 'gray')
    assert to_picture(frame, PictureRate(1, 224, 224, 'crop')).shape == (224, 224, 3)
    assert to_picture(frame, PictureRate(1, 224, 224, 'pad')).shape == (224, 224, 3)


def combed(path, moving):
    """A file whose frames hold lines of two moments: the even ones of picture 2k, the odd ones of 2k + 1."""
    with av.open(str(path), 'w') as out:
        stream = out.add_stream('mpeg2video', rate=25, options={'flags': '+ildct+ilme', 'qmin': '1', 'qmax': '2'})
        stream.height, stream.width, stream.pix_fmt = 64, 128, 'yuv420p'
        stream.codec_context.gop_size = 5
        graph = av.filter.Graph()
        source = graph.add_buffer(width=128, height=64, format=av.VideoFormat('yuv420p'), time_base=Fraction(1, 25))
        graph.link_nodes(source, graph.add('setfield', 'tff'), graph.add('buffersink')).configure()
        for k in range(12):
            picture = moving(2 * k)
            picture[1::2] = moving(2 * k + 1)[1::2]
            frame = av.VideoFrame.from_ndarray(picture, format='rgb24').reformat(format='yuv420p')
            frame.pts, frame.time_base = k, Fraction(1, 25)
            graph.vpush(frame)
            out.mux(stream.encode(graph.vpull()))
        out.mux(stream.encode(None))
    return path


def test_interlaced_pictures_lose_their_comb_and_keep_their_time(tmp_path):
    def moving(k):
        picture = numbered(k // 2, 64, 128)
        picture[40:, 10 + 4 * k : 30 + 4 * k] = 255 - picture[40:, 10 + 4 * k : 30 + 4 * k]
        return picture

    path = combed(tmp_path / 'x.mpg', moving)
    with av.open(str(path)) as container:
        raw = list(container.decode(video=0))
    assert all(frame.interlaced_frame for frame in raw)
    deinterlace = Deinterlacer()
    done = [picture for frame in [*raw, None] for picture in deinterlace(frame)]
    assert [picture.pts * picture.time_base for picture in done] == [frame.pts * frame.time_base for frame in raw]

    def comb(frame):
        rows = frame.to_ndarray(format='gray').astype(int)[44:60]
        return np.abs(2 * rows[1:-1] - rows[:-2] - rows[2:]).mean()

    assert sum(map(comb, done)) < 0.5 * sum(map(comb, raw))
    pictures = np.concatenate([block['v'] for block in MediaReader(path, dict(v=PictureRate(25, ROWS, COLUMNS)))])
    assert numbers(pictures) == [*range(12)]


def test_pictures_that_are_not_interlaced_pass_as_they_are():
    deinterlace, frame = Deinterlacer(), av.VideoFrame(16, 16)
    assert deinterlace(frame) == [frame] and deinterlace(None) == []


def test_a_stream_that_changes_its_size_is_deinterlaced_on():
    deinterlace, outs = Deinterlacer(), []
    for k, size in enumerate([32, 32, 64, 64]):
        frame = av.VideoFrame(size, size, 'yuv420p')
        frame.pts, frame.time_base = k, Fraction(1, 25)
        if k == 0:
            deinterlace._graph, deinterlace._shape = deinterlace._build(frame), (32, 32, 'yuv420p', Fraction(1, 25))
        outs += deinterlace(frame)
    outs += deinterlace(None)
    assert [(frame.width, frame.pts * frame.time_base * 25) for frame in outs] == [(32, 0), (32, 1), (64, 2), (64, 3)]
