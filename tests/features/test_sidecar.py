"""The description of features beside them."""

import json

import pytest
import torch
from torch import nn

from mmdel.features import PRESETS, build_streams
from mmdel.features.sidecar import (
    StoredStream,
    describe_streams,
    read_stored_streams,
    require_same_streams,
    stored_durations,
)
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import write_json

CONVOLUTION = dict(weight=torch.zeros(1, 1, 3, 3), bias=torch.zeros(1))
CONFIGS = {'visual': PRESETS['demo_frames'], 'audio': [PRESETS['demo_log_mel'], PRESETS['log_mel']]}


def test_what_is_written_is_read_and_builds_the_same(tmp_path):
    described = describe_streams(build_streams(CONFIGS))
    write_json(tmp_path / 'streams.json', described)
    stored = read_stored_streams(tmp_path)
    assert stored == {
        'visual': StoredStream(['{id}_visual.npy'], 2, 4, 8.0, 144, described['visual']['extractors']),
        'audio': StoredStream(
            ['{id}_audio.npy'], 10 * 160, 256 + 15 * 160, 8000.0, 64 + 128, described['audio']['extractors']
        ),
    }
    again = build_streams({name: stream['extractors'] for name, stream in described.items()})
    assert describe_streams(again) == described
    require_same_streams(tmp_path, described)


def test_a_folder_without_one_says_nothing(tmp_path):
    assert read_stored_streams(tmp_path) is None
    require_same_streams(tmp_path, {'visual': {}})


def test_what_differs_is_named(tmp_path):
    described = describe_streams(build_streams(CONFIGS))
    write_json(tmp_path / 'streams.json', described)
    other = {**CONFIGS, 'visual': {**PRESETS['demo_frames'], 'fps': 16.0}}
    with pytest.raises(UserInputError) as error:
        require_same_streams(tmp_path, describe_streams(build_streams(other)))
    lines = str(error.value).splitlines()[1:]
    assert lines == ['  visual.extractors[0].fps: 8.0 there, 16.0 here', '  visual.fps: 8.0 there, 16.0 here']
    del other['audio']
    with pytest.raises(UserInputError, match=r'audio\.\S+: .+ there, .nothing. here'):
        require_same_streams(tmp_path, describe_streams(build_streams(other)))


def test_another_model_of_the_same_name_differs(tmp_path):
    small, large = (nn.Linear(3, 3), nn.Linear(3, 3))
    described = []
    for net in (small, large):
        state = {f'features.{i}.{kind}': value for i in (0, 3, 6, 8, 11, 13) for kind, value in CONVOLUTION.items()}
        state |= {f'embeddings.{i}.{kind}': value for i in (0, 2, 4) for kind, value in net.state_dict().items()}
        state['embeddings.0.weight'] = torch.zeros(3, 24)
        torch.save(state, tmp_path / 'vggish.pth')
        config = dict(type='mmdel.VGGishMelExtractor', weights=str(tmp_path / 'vggish.pth'))
        described.append(describe_streams(build_streams({'audio': config})))
    write_json(tmp_path / 'streams.json', described[0])
    require_same_streams(tmp_path, described[0])
    with pytest.raises(UserInputError, match=r'audio\.sha256\[0\]: '):
        require_same_streams(tmp_path, described[1])


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(stride=0), "streams.json, stream 'visual': stride should be a positive number, got 0"),
        (dict(fps='25'), "fps should be a positive number, got '25'"),
        (dict(window=True), 'window should be'),
        (dict(channels=float('nan')), 'channels should be'),
        (dict(channels=1.5), 'channels should be a whole number, got 1.5'),
        (dict(stride=10**400), 'stride should be'),
        (dict(files='x.npy'), "files should be a list of names with '{id}', got 'x.npy'"),
        (dict(files=['x.npy']), 'files should be'),
    ],
)
def test_a_broken_one_is_told_by_its_field(tmp_path, change, message):
    stream = dict(stride=2, window=4, fps=8.0, channels=144, files=['{id}_visual.npy'])
    (tmp_path / 'streams.json').write_text(json.dumps({'visual': {**stream, **change}}))
    with pytest.raises(UserInputError, match=message):
        read_stored_streams(tmp_path)


@pytest.mark.parametrize('content', ['[]', '{"visual": 3}', 'no json'])
def test_what_is_none_at_all_is_refused(tmp_path, content):
    (tmp_path / 'streams.json').write_text(content)
    with pytest.raises(UserInputError, match=r'streams\.json'):
        read_stored_streams(tmp_path)


@pytest.mark.parametrize('value', [0, -1.5, True, '9', float('inf'), 10**400, [9]])
def test_a_duration_is_a_positive_number(tmp_path, value):
    (tmp_path / 'videos.json').write_text(
        json.dumps(dict(a=dict(duration_sec=9.5), b=dict(), c=dict(duration_sec=None)))
    )
    assert stored_durations(tmp_path) == {'a': 9.5}
    (tmp_path / 'videos.json').write_text(json.dumps(dict(v1=dict(duration_sec=value))))
    with pytest.raises(UserInputError, match=r"videos\.json, video 'v1': duration_sec should be a positive number"):
        stored_durations(tmp_path)
