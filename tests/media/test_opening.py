from __future__ import annotations

import os
import struct
import wave
from fractions import Fraction

import numpy as np
import pytest
from media_files import clicks, write_media
from PIL import Image

from mmdel.media import MediaInfo, MediaReader, PictureInfo, PictureRate, SoundInfo, SoundRate, probe
from mmdel.media.opening import MAX_PIXELS
from mmdel.utils.errors import UserInputError

av = pytest.importorskip('av')
HZ = 16000
TIMES = [k / 25 for k in range(50)]
RATES = dict(v=PictureRate(25, 2, 4), a=SoundRate(HZ))


def written(path, **kwargs):
    return write_media(path, TIMES, clicks([0.5, 1.5], 2, HZ), HZ, **kwargs)


def drained(path):
    """What a reader notes, with the number of pictures and of samples."""
    reader = MediaReader(path, RATES)
    blocks = list(reader)
    return reader, [sum(len(block.get(name, ())) for block in blocks) for name in RATES]


def test_what_is_known_of_a_file_before_it_is_read(tmp_path):
    path = written(tmp_path / 'x.mp4', layout='stereo')
    picture, sound = PictureInfo(64, 32, 25.0, 'h264'), SoundInfo(HZ, 2, 'aac')
    assert probe(path) == MediaInfo(str(path), 2.0, picture, sound)
    assert MediaReader(path, {}).info == probe(path)


@pytest.mark.parametrize(
    ('name', 'content', 'reason'),
    [
        ('x.mp4', b'', 'is empty'),
        ('x.mp4', b'hello world\n' * 100, 'it is no media, or damaged'),
        ('x.mp4', np.random.default_rng(0).bytes(5000), 'it is no media, or damaged'),
        ('x.mp4', b'<!doctype html><html>', 'is a web page'),
        ('x.mp4', b'version https://git-lfs.github.com/spec/v1', 'is a Git LFS pointer'),
        ('x.m3u8', b'#EXTM3U\n#EXTINF:10,\n/etc/passwd\n', 'is a text that names other files'),
        ('x.txt', b'ffconcat version 1.0\nfile /etc/passwd\n', 'is a text that names other files'),
        (
            'x.srt',
            b'1\n00:00:01,000 --> 00:00:02,000\nhello\n\n',
            'nothing that can be read: neither pictures',
        ),
    ],
)
def test_files_that_are_no_media_are_refused_by_what_they_are(tmp_path, name, content, reason):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserInputError, match=reason) as caught:
        probe(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize('suffix', ['png', 'jpg', 'bmp', 'webp', 'tiff'])
def test_images_are_refused(tmp_path, suffix):
    Image.new('RGB', (64, 32)).save(tmp_path / f'x.{suffix}')
    with pytest.raises(UserInputError, match='is an image, neither video nor sound'):
        probe(tmp_path / f'x.{suffix}')


def test_what_is_no_file_is_refused_before_it_is_opened(tmp_path):
    os.mkfifo(tmp_path / 'pipe')
    for path, reason in [
        (tmp_path / 'none.mp4', 'No such file'),
        (tmp_path, 'it is a folder'),
        (tmp_path / 'pipe', 'it is a pipe'),
        ('/dev/zero', 'it is a device'),
        ('http://localhost/x.mp4', 'No such file'),
    ]:
        with pytest.raises(UserInputError, match=reason):
            probe(path)


def test_names_that_look_like_addresses_or_options_are_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ('pipe:0.mp4', 'data:x.mp4', '-i.mp4', '100%25.mp4', 'ü 犬.mp4'):
        written(tmp_path / 'x.mp4').rename(name)
        assert probe(name).duration_sec == 2


def test_an_mp4_without_its_index_is_refused_with_the_reason(tmp_path):
    path = written(tmp_path / 'x.mp4')
    for num in (600, 3000):
        path.write_bytes(path.read_bytes()[:-num])
        with pytest.raises(UserInputError, match=r'its index \(moov\) is missing or incomplete: it was cut off'):
            probe(path)


@pytest.mark.parametrize(
    ('name', 'options'),
    [
        ('x.mkv', {}),
        ('x.ts', {}),
        ('x.avi', dict(sound_codec='pcm_s16le')),
        ('x.mov', dict(container_options={'movflags': 'faststart'})),
        ('x.wav', {}),
    ],
)
def test_a_file_that_was_cut_off_gives_what_it_holds_and_says_so(tmp_path, name, options):
    if name == 'x.wav':
        path = write_media(tmp_path / name, samples=clicks([0.5], 2, HZ), sound_codec='pcm_s16le')
    else:
        path = written(tmp_path / name, **options)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3 + 1])
    reader, (num_pictures, num_samples) = drained(path)
    assert any('cut off' in note for note in reader.notes), reader.notes
    assert 0.2 < reader.info.duration_sec < 1.95
    assert num_samples == round(reader.info.duration_sec * HZ)
    assert num_pictures == (0 if name == 'x.wav' else round(reader.info.duration_sec * 25))


@pytest.mark.parametrize('name', ['x.mp4', 'x.mkv', 'x.webm', 'x.mpg'])
def test_damage_in_the_middle_is_skipped_and_noted(tmp_path, name):
    codecs = dict(webm=('libvpx', 'libopus'), mpg=('mpeg2video', 'mp2')).get(name[2:], ('libx264', 'aac'))
    hz = HZ if codecs[0] == 'libx264' else 48000
    times = [k / 25 for k in range(250)]
    more = dict(options={'g': '25'}, container_options={'movflags': 'faststart'} if name == 'x.mp4' else {})
    options = dict(codec=codecs[0], sound_codec=codecs[1], **(more if codecs[0] == 'libx264' else {}))
    path = write_media(tmp_path / name, times, clicks([1, 9], 10, hz), hz, time_base=Fraction(1, 25), **options)
    content = bytearray(path.read_bytes())
    middle = len(content) * 7 // 10
    content[middle : middle + 1500] = np.random.default_rng(0).bytes(1500)
    path.write_bytes(bytes(content))
    reader, (num_pictures, num_samples) = drained(path)
    assert reader.notes
    assert (4 if name == 'x.mkv' else 9.8) < reader.info.duration_sec < 10.1  # a cluster of Matroska may be lost
    assert (num_pictures, num_samples) == (
        round(reader.info.duration_sec * 25),
        round(reader.info.duration_sec * HZ),
    )


def patched(path, old, new, count=1):
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, count))
    return path


def test_an_encrypted_file_is_refused(tmp_path):
    key = '0123456789abcdef' * 2
    scheme = dict(encryption_scheme='cenc-aes-ctr', encryption_key=key, encryption_kid=key)
    path = write_media(tmp_path / 'x.mp4', TIMES, container_options=scheme)
    with pytest.raises(UserInputError, match=r'x\.mp4 is encrypted'):
        probe(path)


def test_a_codec_that_nobody_knows_is_named_and_the_other_stream_read(tmp_path):
    path = patched(written(tmp_path / 'x.mkv'), b'A_AAC', b'A_XYZ')
    reader, (num_pictures, num_samples) = drained(path)
    assert reader.info.sound is None and (num_pictures, num_samples) == (50, 0)
    assert 'there is no decoder for its sound' in reader.notes
    alone = patched(write_media(tmp_path / 'y.mkv', TIMES), b'V_MPEG4/ISO/AVC', b'V_MPEG4/ISO/XYZ')
    with pytest.raises(UserInputError, match='holds nothing that can be read: there is no decoder for its pictures'):
        probe(alone)


def test_a_cover_is_no_video(tmp_path):
    path = tmp_path / 'x.mp3'
    samples = clicks([0.5], 1, HZ)
    write_media(tmp_path / 'sound.mp3', samples=samples, sound_codec='libmp3lame')
    Image.new('RGB', (64, 32)).save(tmp_path / 'cover.png')
    with av.open(str(tmp_path / 'sound.mp3')) as sound, av.open(str(path), 'w') as out:
        stream = out.add_stream_from_template(sound.streams.audio[0])
        with av.open(str(tmp_path / 'cover.png')) as image:
            cover = out.add_stream_from_template(image.streams.video[0])
            cover.disposition = av.stream.Disposition.attached_pic
            packets = [(packet, cover) for packet in image.demux() if packet.size]
        for packet, target in [*packets, *((packet, stream) for packet in sound.demux() if packet.size)]:
            packet.stream = target
            out.mux(packet)
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 1  # so that the test tests something
    reader, (num_pictures, num_samples) = drained(path)
    assert reader.info.picture is None and num_pictures == 0 and abs(num_samples - HZ) < 2000


@pytest.mark.parametrize('side', [9000, 60_000])
def test_pictures_of_absurd_size_are_refused_before_they_take_memory(tmp_path, side):
    path = write_media(tmp_path / 'x.avi', TIMES[:5], codec='rawvideo', pix_fmt='yuv420p')
    patched(path, struct.pack('<ii', 64, 32), struct.pack('<ii', side, side), count=-1)
    with pytest.raises(UserInputError, match=rf'can be decoded: the size of .* over {MAX_PIXELS} pixels'):
        drained(path)


def test_sound_of_absurd_rate_is_refused_before_it_takes_time(tmp_path):
    path = tmp_path / 'a.wav'
    with wave.open(str(path), 'wb') as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(538976064)
        file.writeframes(bytes(8000))
    with pytest.raises(
        UserInputError, match=r'a\.wav has sound of 538976064 samples a second, expected at most 1000000'
    ):
        probe(path)


def test_a_header_that_promises_ages_is_not_believed(tmp_path):
    path = written(tmp_path / 'x.mkv')
    content = path.read_bytes()
    place = content.index(b'\x44\x89\x88') + 3  # the duration, a float64 in milliseconds
    path.write_bytes(content[:place] + struct.pack('>d', 3.6e15) + content[place + 8 :])
    assert probe(path).duration_sec is None
    reader, (num_pictures, num_samples) = drained(path)
    assert reader.info.duration_sec < 2.1 and num_pictures < 53 and num_samples < 2.1 * HZ
    path.write_bytes(content[:place] + struct.pack('>d', 9000.0) + content[place + 8 :])
    reader, _ = drained(path)
    assert 'it ends at 2.05 s, where its header says 9.00 s: it was cut off, or its header is wrong' in reader.notes


@pytest.mark.parametrize('suffix', ['mp4', 'mkv', 'ts', 'avi'])
def test_damage_anywhere_is_read_or_refused_and_never_a_fault(tmp_path, suffix):
    path = written(tmp_path / f'x.{suffix}', sound_codec='pcm_s16le' if suffix == 'avi' else 'aac')
    content, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(25):
        broken = bytearray(content)
        for place in rng.integers(
            0, min(len(content), 4000) if rng.random() < 0.5 else len(content), rng.integers(1, 30)
        ):
            broken[place] = rng.integers(256)
        path.write_bytes(bytes(broken[: rng.integers(len(content) // 2, len(content) + 1)]))
        try:
            reader = MediaReader(path, dict(v=PictureRate(2, 2, 4), a=SoundRate(1000)))
            for block in reader:
                assert len(block.get('v', ())) <= 16 and len(block.get('a', ())) <= 8000
        except UserInputError as error:
            assert str(path) in str(error)
