import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.runner import Runner

from mmdel.datasets import EventDataset
from mmdel.datasets.transforms import MixVideos
from mmdel.structures import FeatureGrid
from mmdel.utils.errors import UserInputError

GRID = FeatureGrid(8, 24, 25)  # a step sees a step and a half to either side
HALF = 1.5


def video(name, num_steps, segments, first_label=0, **more):
    """A video of ones and numbered steps, whose labels are counted from one on, and whose events are ignored, too."""
    steps = np.arange(num_steps, dtype=np.float32)[:, None]
    segments = np.array(segments, dtype=np.float32).reshape(-1, 2)
    return {
        'video_id': name,
        'features': {'visual': np.concatenate([np.ones_like(steps), steps], 1), 'audio': 1 + steps},
        'grid': GRID,
        'segments': segments,
        'labels': np.arange(first_label, first_label + len(segments)),
        'ignored_segments': segments.copy(),
        **more,
    }


def mix(transform, one, other):
    return transform({**one, 'features': dict(one['features']), 'mix_results': [other]})


@st.composite
def events(draw, num_steps):
    """Events within a video: from where its first step begins to see, to where its last one ends."""
    ends = st.floats(-HALF, num_steps - 1 + HALF, width=32)
    drawn = [sorted((draw(ends), draw(ends))) for _ in range(draw(st.integers(0, 4)))]
    return [(start, end) for start, end in drawn if end - start > 0.1]


@settings(max_examples=150, deadline=None)
@given(data=st.data(), lengths=st.tuples(st.integers(1, 40), st.integers(1, 40)), seed=st.integers(0, 99))
def test_a_stretch_is_a_sum_and_the_events_of_both_are_told_where_they_lie(data, lengths, seed):
    num_steps, num_other = lengths
    own, others = (data.draw(events(num)) for num in lengths)
    before, other = video('a', num_steps, own), video('b', num_other, others, first_label=100)
    np.random.seed(seed)
    after = mix(MixVideos(1.0, 0.5), before, video('b', num_other, others, first_label=100))
    # The sum, by hand: over as many steps as both have, x + share · y.
    added = (after['features']['visual'] - before['features']['visual']).astype(float)
    steps, length = np.flatnonzero(added[:, 0]), min(lengths)
    place, share = int(steps[0]), added[steps[0], 0]
    start = round(added[place, 1] / share)
    assert steps.tolist() == list(range(place, place + length)) and 0 < share <= 0.5 + 1e-5
    assert 0 <= start <= num_other - length and (place == 0 or start == 0)
    for name, feature in before['features'].items():
        expected = feature.copy()
        expected[steps] += share * other['features'][name][start : start + length]
        np.testing.assert_allclose(after['features'][name], expected, atol=1e-3)
    # The partner's events: those of which the stretch holds half, cut where it cuts, and moved.
    low = start - 0.5 if start > 0 else -np.inf
    high = start + length - 0.5 if start + length < num_other else np.inf
    told, ignored = {}, []
    for label, segment in enumerate(other['segments'], start=100):
        if segment[0] < start + length - 0.5 and segment[1] > start - 0.5:
            ignored.append(segment.clip(low, high) - start + place)
            if np.diff(ignored[-1]) >= 0.5 * np.diff(segment) + 1e-4:
                told[label] = ignored[-1]
            elif np.diff(ignored[-1]) > 0.5 * np.diff(segment) - 1e-4:
                return  # as near to a half as rounding goes
    assert after['labels'].tolist() == [*range(len(own)), *told]
    for name, moved in (('segments', [*told.values()]), ('ignored_segments', ignored)):
        np.testing.assert_allclose(after[name][len(own) :], np.reshape(moved, (-1, 2)), atol=1e-4)
    assert np.array_equal(after['segments'][: len(own)], before['segments']) and after['grid'] == GRID
    assert {after[name].dtype for name in ('segments', 'ignored_segments')} == {np.dtype(np.float32)}
    # What was loaded stays as it was, and every event lies inside the video.
    assert np.array_equal(before['features']['audio'], video('a', num_steps, own)['features']['audio'])
    for name in ('segments', 'ignored_segments'):
        assert (after[name] >= -HALF).all() and (after[name] <= num_steps - 1 + HALF + 1e-4).all()
        assert (after[name][:, 1] > after[name][:, 0]).all()


def test_a_partner_that_is_noise_changes_the_streams_that_are_named_and_nothing_else():
    np.random.seed(0)
    shares = []
    for _ in range(60):
        before = video('a', 9, [(1, 3)])
        after = mix(MixVideos(max_share=2.0, streams=['audio'], events='own'), before, video('b', 9, [(2, 8)], 5))
        assert after.pop('features')['visual'] is before['features']['visual']
        assert all(after[name] is before[name] for name in after)
        mixed = mix(MixVideos(max_share=2.0, streams=['audio']), before, video('b', 9, [(2, 8)], 5))['features']
        shares.append(mixed['audio'][0, 0] - 1)
    assert 0 < min(shares) < 0.2 and 1.8 < max(shares) <= 2.0


@pytest.mark.parametrize('dtype', [np.float16, np.float32])
def test_features_keep_their_type(dtype):
    videos = [video(name, 5, ()) for name in 'ab']
    for each in videos:
        each['features'] = {name: x.astype(dtype) for name, x in each['features'].items()}
    assert all(x.dtype == dtype for x in mix(MixVideos(), *videos)['features'].values())


@pytest.fixture
def args(write_annotations, write_features):
    """Arguments of a data set of five videos of 20 steps, each with its own class and its own size of features."""
    videos = {
        f'v{i}': dict(subset='train', duration=20.0, fps=1, annotations=[dict(segment=[i, i + 3.0], label=f'c{i}')])
        for i in range(5)
    }
    streams = dict(visual=write_features(videos))
    for index, name in enumerate(videos):
        np.save(f'{streams["visual"]["root"]}/{name}.npy', np.full((20, 3), 10.0**index, np.float32))
    return dict(ann_file=write_annotations(videos), streams=streams, subset='train')


def build(args, *steps, **more):
    load = [dict(type='mmdel.LoadFeatures'), dict(type='mmdel.AlignStreams')]
    return EventDataset(**{**args, **more}, pipeline=[*load, *steps, dict(type='mmdel.PackEvents')])


def told(item):
    """The video, its length, the classes of its events and its largest feature."""
    sample = item['data_samples']
    return sample.video_id, sample.num_steps, sample.gt_instances.labels.tolist(), item['inputs']['visual'].max().item()


def test_a_data_set_hands_on_other_videos_as_the_steps_before_left_them(args):
    crop = dict(type='mmdel.RandomTemporalCrop', max_len=6, crop_ratio=None)
    dataset = build(args, crop, dict(type='mmdel.MixVideos', prob=0.5, max_share=1.0), pieces=True)
    np.random.seed(0)
    drawn = [told(dataset[index]) for _ in range(12) for index in range(len(dataset))]
    mixed = 0
    for name, num_steps, labels, largest in drawn:
        own = int(name[1])
        assert num_steps == 6
        others = {label for label in labels if label != own}
        assert len(others) <= 1 and labels.count(own) <= 1  # never another piece of the video itself
        mixed += largest != 10.0**own
        assert not others or largest != 10.0**own
    assert 0.4 < mixed / len(drawn) < 0.6
    assert {label for name, _, labels, _ in drawn if name == 'v2' for label in labels} == {0, 1, 2, 3, 4}
    resized = build(args, dict(type='mmdel.ResizeStreams', length=8), dict(type='mmdel.MixVideos', prob=1.0))
    assert told(resized[0])[1] == 8  # where the partner is not, grids differ
    alone = build(args, dict(type='mmdel.MixVideos', prob=0.0))
    assert [told(alone[index]) for index in range(5)] == [(f'v{i}', 20, [i], 10.0**i) for i in range(5)]


def test_the_seed_decides_in_workers_too(args):
    dataset = build(args, dict(type='mmdel.MixVideos', prob=0.8))

    def run(num_workers):
        torch.manual_seed(5)
        np.random.seed(5)
        loader = Runner.build_dataloader(
            dict(
                dataset=dataset,
                batch_size=5,
                num_workers=num_workers,
                persistent_workers=False,
                sampler=dict(type='mmengine.DefaultSampler', shuffle=False),
                collate_fn=dict(type='mmengine.pseudo_collate'),
            ),
            seed=3,
        )
        return [[x.max().item() for batch in loader for x in batch['inputs']['visual']] for _ in range(2)]

    for num_workers in (0, 2):
        first, second = run(num_workers)
        assert run(num_workers) == [first, second] and first != second


def test_videos_that_cannot_be_mixed_are_named(args, write_annotations):
    one = video('a', 4, ())
    for grid, what in [
        (FeatureGrid(8, 24, 30), 'a step every 0.2667 s in video b, and 0.32 s in a;'),
        (FeatureGrid(8, 16, 25), 'steps that see 0.64 s in video b, and 0.96 s in a;'),
    ]:
        with pytest.raises(UserInputError, match=re.escape(what)):
            mix(MixVideos(), one, video('b', 4, (), grid=grid))
    near = FeatureGrid(8, 24, 25.02, start_frames=16)  # a rate that was rounded, and a crop
    assert mix(MixVideos(), one, video('b', 4, (), grid=near))['features']['audio'].max() > 4
    wide = video('b', 4, ())
    wide['features']['audio'] = wide['features']['visual']
    with pytest.raises(UserInputError, match="stream 'audio' has 1 channels in a and 2 channels in b"):
        mix(MixVideos(), one, wide)
    with pytest.raises(UserInputError, match=r"no stream 'sound'; there are \['audio', 'visual'\]"):
        mix(MixVideos(streams=['sound']), one, video('b', 4, ()))
    with pytest.raises(UserInputError, match=r'it is for an mmdel\.EventDataset'):
        MixVideos()(one)
    step = dict(type='mmdel.MixVideos', prob=1.0)
    with pytest.raises(UserInputError, match='the data set has but one: v0'):
        build(args, step, indices=1)[0]
    events_of = dict(subset='train', duration=20.0, annotations=[dict(segment=[1, 2], label='c')])
    rates = write_annotations({name: dict(events_of, fps=fps) for name, fps in [('v0', 1), ('v1', 1), ('v2', 1.05)]})
    with pytest.raises(UserInputError, match=r'a step every 0.9524 s in video v2, and 1 s in v0;'):
        build(args, step, ann_file=rates)


@pytest.mark.parametrize(
    'wrong', [dict(prob=1.1), dict(max_share=0), dict(streams=[]), dict(streams='audio'), dict(events='all')]
)
def test_wrong_options_are_errors(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        MixVideos(**wrong)
