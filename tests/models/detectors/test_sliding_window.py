import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mmdel.models.detectors.sliding_window import SlidingWindow
from mmdel.models.task_modules import SegmentNMS
from mmdel.structures import StreamBatch


class EverySecond(nn.Module):
    """A backbone that sees nothing beside a step: level l is every 2^l-th step."""

    def forward(self, inputs):
        mask = inputs.mask
        x = (inputs.streams['visual'] * mask[..., None]).transpose(1, 2)
        strides = [2**level for level in range(3)]
        return dict(visual=tuple(x[..., ::stride] for stride in strides)), tuple(
            mask[:, ::stride] for stride in strides
        )


def detector(build_detector, test_cfg=None, **head):
    """A detector of three levels that sees 3 · 2^2 = 12 steps to either side: the three convolutions of its head."""
    torch.manual_seed(0)
    options = dict(dims=6, streams=('visual',), neck='ConcatNeck', class_aware=False)
    head = dict(pre_nms_score=0.0, pre_nms_num=10**6) | head
    model = build_detector(**options, test_cfg=test_cfg, prior_prob=0.5, **head)
    for conv in (model.head.cls_tower.last, model.head.regressor.tower.last):
        nn.init.normal_(conv.weight)
    model.backbone = EverySecond()
    return model.eval()


def predict(model, features, make_sample):
    samples = [make_sample(num_steps=len(feature)) for feature in features]
    data = model.data_preprocessor(dict(inputs=dict(visual=features), data_samples=samples))
    with torch.no_grad():
        return [sample.pred_instances for sample in model(**data, mode='predict')]


def assert_same(actual, expected):
    for name in ('scores', 'segments_sec', 'labels'):
        torch.testing.assert_close(actual[name], expected[name], atol=2e-4, rtol=1e-4)


@pytest.fixture
def videos():
    torch.manual_seed(1)
    return [torch.randn(n, 6) for n in (301, 40, 64, 65, 130, 23)]


@pytest.mark.parametrize('batch_size', [1, 5, 100])
@pytest.mark.parametrize('head', [dict(), dict(pre_nms_num=30), dict(pre_nms_num=30, min_length=4, pre_nms_score=0.7)])
def test_windows_that_overlap_enough_give_what_the_whole_video_gives(
    build_detector, make_sample, videos, batch_size, head
):
    """The overlap's middle lies 16 steps from the cuts, and the model sees 12: the windows change nothing at all.

    Nor do they where the candidates are more than are kept, and some of those are then left out.
    """
    plain = detector(build_detector, **head)
    plain.head.nms = SegmentNMS(method=None, max_num=10**6)
    whole = predict(plain, videos, make_sample)
    model = detector(build_detector, dict(window=64, overlap=0.5, batch_size=batch_size), **head)
    model.head.nms = plain.head.nms
    assert all(len(events.scores) > 3 for events in whole)
    for actual, expected in zip(predict(model, videos, make_sample), whole, strict=True):
        assert_same(actual, expected)
    for video, expected in zip(videos, whole, strict=True):
        assert_same(predict(model, [video], make_sample)[0], expected)


def test_without_overlap_only_the_steps_near_the_cuts_differ(build_detector, make_sample, videos):
    """No suppression, so that what happens at a cut stays there: every other candidate is the whole video's."""
    plain, cut = detector(build_detector), detector(build_detector, dict(window=64, overlap=0.0))
    for model in (plain, cut):
        model.head.nms = SegmentNMS(method=None, max_num=10**6)
    whole, parts = (predict(model, videos[:1], make_sample)[0] for model in (plain, cut))

    def far_from_cuts(events):
        """Scores of the short candidates that lie more than 12 + 12 steps from a cut."""
        start, end = (events.segments_sec - 0.5).unbind(1)
        distance = torch.minimum(torch.minimum(start % 64, end % 64), 64 - torch.maximum(start % 64, end % 64))
        return events.scores[(distance > 24) & (end - start < 12)].sort().values

    assert len(far_from_cuts(whole)) > 50
    torch.testing.assert_close(far_from_cuts(parts), far_from_cuts(whole), atol=2e-4, rtol=1e-4)
    assert (parts.scores.sum() - whole.scores.sum()).abs() > 0.1  # near them, it does differ


def test_a_window_as_long_as_the_video_is_the_plain_result(build_detector, make_sample, videos):
    whole = predict(detector(build_detector), videos, make_sample)
    for window in (301, 302, 10**6):
        same = predict(detector(build_detector, dict(window=window)), videos, make_sample)
        for actual, expected in zip(same, whole, strict=True):
            assert all(torch.equal(actual[name], expected[name]) for name in ('scores', 'segments_sec', 'labels'))


def test_training_and_raw_outputs_know_no_windows(build_detector, make_sample, videos):
    outputs = []
    for test_cfg in (None, dict(window=16)):
        model = detector(build_detector, test_cfg)
        samples = [make_sample([(1.0, 3.0, 0)], len(video)) for video in videos]
        data = model.data_preprocessor(dict(inputs=dict(visual=videos), data_samples=samples))
        outputs.append([*model(data['inputs']), *model(**data, mode='loss').values()])
    assert all(torch.equal(a, b) for a, b in zip(*outputs, strict=True))


def test_test_cfg_makes_the_window(build_detector):
    assert build_detector().sliding_window is None
    window = build_detector(test_cfg=dict(window=2304, overlap=0.25)).sliding_window
    assert (window.window, window.step, window.batch_size) == (2304, 1728, 8)


@settings(max_examples=150, deadline=None)
@given(
    window=st.integers(1, 20),
    overlap=st.floats(0, 0.99),
    lengths=st.lists(st.integers(0, 60), min_size=1, max_size=4),
    batch_size=st.integers(1, 9),
    max_num=st.integers(1, 60),
)
def test_every_step_belongs_to_one_window_that_sees_it(window, overlap, lengths, batch_size, max_num):
    """The model that scores each of its own steps by the time it is given hands on the latest times, each once."""
    longest = max(max(lengths), 1)
    mask = torch.arange(longest) < torch.tensor(lengths)[:, None]
    times = torch.arange(longest).expand(len(lengths), -1)[..., None] + 1.0
    sizes = []

    def find(windows, own):
        sizes.append(len(own))
        assert windows.streams['visual'].shape == (len(own), window, 1) and windows.mask.shape == own.shape
        local = torch.arange(window).expand(len(own), -1)
        scores = windows.streams['visual'][..., 0] * (own & windows.mask)
        return torch.stack([local, local + 1], dim=2).float(), scores, local

    sliding = SlidingWindow(window, overlap, batch_size)
    segments, scores, labels = sliding(find, StreamBatch(dict(visual=times * mask[..., None]), mask), max_num)
    assert max(sizes) <= batch_size and labels.dtype == torch.int64 and scores.shape[1] <= max_num
    for video, length in enumerate(lengths):
        kept = scores[video] > 0
        assert scores[video][kept].sort().values.tolist() == [t + 1.0 for t in range(length)][-max_num:]
        assert torch.equal(segments[video][kept][:, 0], scores[video][kept] - 1)
        assert torch.equal(segments[video][kept][:, 1], scores[video][kept])


@settings(max_examples=50, deadline=None)
@given(length=st.integers(1, 200), window=st.integers(2, 30), overlap=st.sampled_from([0.0, 0.25, 0.5, 0.8]))
def test_inner_steps_keep_half_the_overlap_around_them(length, window, overlap):
    """How much a model sees around a step of its own: half of the overlap, or all there is."""
    sliding = SlidingWindow(window, overlap)
    margin = (window - sliding.step) // 2
    seen = []

    def find(windows, own):
        times = windows.streams['visual'][..., 0]
        for row, mine in zip(times, own & windows.mask, strict=True):
            valid = row[row > 0]
            for t in row[mine].tolist():
                seen.append((t, t - valid.min().item(), valid.max().item() - t))
        return torch.zeros(len(own), 1, 2), torch.zeros(len(own), 1), torch.zeros(len(own), 1, dtype=torch.int64)

    times = torch.arange(1.0, length + 1)[None, :, None]
    sliding(find, StreamBatch(dict(visual=times), torch.ones(1, length, dtype=torch.bool)), max_num=1)
    for t, before, after in seen:
        assert before >= min(margin, t - 1) and after >= min(margin, length - t)


@pytest.mark.parametrize('wrong', [dict(window=0), dict(window=9, overlap=1.0), dict(window=9, batch_size=0)])
def test_wrong_arguments(wrong):
    with pytest.raises(ValueError, match=r'at least 1|in \[0, 1\)'):
        SlidingWindow(**wrong)
