import copy

import pytest
import torch
from torch import nn

from mmdel.models.backbones import event_aligned
from mmdel.models.detectors.sliding_window import SlidingWindow
from mmdel.models.task_modules import SegmentNMS
from mmdel.registry import MODELS
from mmdel.structures import StreamBatch

CHANNELS = dict(visual=6, audio=4)
PYRAMID = dict(type='mmdel.TemporalPyramidBackbone', in_channels=CHANNELS, streams=['visual', 'audio'], embed_dims=16)
DEL = dict(
    type='mmdel.EventAlignedBackbone', in_channels=CHANNELS, streams=['visual', 'audio'], embed_dims=8, num_heads=2
)
ALIGN = dict(num_layers=1, num_heads=2, window_intra=3, window_cross=2, event_dims=4)
PAN, CONCAT = dict(type='mmdel.AudioVisualPAN', num_heads=2, attn_window=5), dict(type='mmdel.ConcatNeck')
BLOCK = dict(type='mmdel.ConvTransformerBlock', window=5, init_scale=1.0)
# Name → backbone, neck and what is another head than the plain one.
MODEL_PARTS = {
    'DEL': (dict(DEL, attn_window=5, align=ALIGN), PAN, {}),
    'DEL without alignment': (dict(DEL, attn_window=3), PAN, {}),
    'ActionFormer': (dict(PYRAMID, block=BLOCK), CONCAT, {}),
    'TemporalMaxer': (dict(PYRAMID, block=dict(type='mmdel.MaxPoolBlock'), num_stem_blocks=1), CONCAT, {}),
    'TridentRegressor': (
        dict(PYRAMID, block=dict(type='mmdel.MaxPoolBlock')),
        CONCAT,
        dict(class_aware=True, regressor=dict(type='mmdel.TridentRegressor', num_bins=2)),
    ),
    'UnAV': (
        dict(DEL, type='mmdel.AudioVisualPyramidBackbone', num_stem_blocks=1, attn_window=3, use_abs_pe=False),
        dict(type='mmdel.DependencyNeck', feat_channels=4, attn_window=5),
        {},
    ),
}


def build(backbone, neck, head, test_cfg=None, dtype=torch.float32, num_levels=3):
    """A detector with random weights in every branch, and without suppression, so that all candidates are seen."""
    torch.manual_seed(0)
    ranges = [(4 * level, 4 * level + 4) for level in range(num_levels)]
    model = MODELS.build(
        dict(
            type='mmdel.EventDetector',
            data_preprocessor=dict(type='mmdel.EventDataPreprocessor'),
            backbone=dict(backbone, num_levels=num_levels, drop_path=0.0)
            if backbone['type'] != PYRAMID['type']
            else dict(backbone, num_levels=num_levels),
            neck=neck,
            head=dict(
                type='mmdel.AnchorFreeHead',
                num_classes=2,
                feat_channels=8,
                point_generator=dict(type='mmdel.PointGenerator', regress_ranges=ranges),
                assigner=dict(type='mmdel.PointAssigner'),
                nms=dict(type='mmdel.SegmentNMS', method=None, max_num=10**6),
                pre_nms_score=0.0,
                pre_nms_num=10**6,
                prior_prob=0.5,
                **head,
            ),
            test_cfg=test_cfg,
        )
    )
    for param in model.parameters():  # some start at zero, and hide what they see
        param.data += 0.1 * torch.randn_like(param)
    return model.to(dtype).eval()


def features(num_steps, seed=1):
    torch.manual_seed(seed)
    return {name: torch.randn(num_steps, width) for name, width in CHANNELS.items()}


def predict(model, videos, make_sample):
    samples = [make_sample(num_steps=len(video['visual'])) for video in videos]
    inputs = {name: [video[name] for video in videos] for name in CHANNELS}
    with torch.no_grad():
        data = model.data_preprocessor(dict(inputs=inputs, data_samples=samples))
        return [sample.pred_instances for sample in model(**data, mode='predict')]


def assert_same(actual, expected, atol=1e-5):
    """The same scores, and the same starts and ends, whichever of two that are almost equal comes first."""
    assert len(actual.scores) == len(expected.scores) > 3
    assert torch.equal(actual.labels.bincount(), expected.labels.bincount())
    for name in ('scores', 'segments_sec'):
        values, wanted = (
            item[name].double().flatten(1 if name == 'segments_sec' else 0) for item in (actual, expected)
        )
        torch.testing.assert_close(values.sort(0).values, wanted.sort(0).values, atol=atol, rtol=atol)


@pytest.mark.parametrize('name', MODEL_PARTS)
def test_the_reach_is_what_the_model_sees_to_the_step(name):
    """A step that is changed changes points as far as the reach says, and none beyond."""
    model, num_steps = build(*MODEL_PARTS[name], dtype=torch.float64), 160
    reach = model.head.widen(model.neck.widen(model.backbone.reach))
    inputs = {key: x.double()[None] for key, x in features(num_steps).items()}
    mask = torch.ones(1, num_steps, dtype=torch.bool)
    strides = torch.cat([torch.full((-(-num_steps // 2**level),), 2**level) for level in range(3)])
    times = torch.cat([torch.arange(0, num_steps, 2**level) for level in range(3)])
    farthest = dict.fromkeys((1, 2, 4), 0)
    with torch.no_grad():
        before = torch.cat([x[0].flatten(1) for x in model(StreamBatch(inputs, mask))], dim=1)
        for step in range(76, 84):
            changed = {key: x.clone() for key, x in inputs.items()}
            for x in changed.values():
                x[0, step] += 3.0
            after = torch.cat([x[0].flatten(1) for x in model(StreamBatch(changed, mask))], dim=1)
            seen = (after != before).any(1)
            for stride in farthest:
                far = (times - step).abs()[seen & (strides == stride)].max()
                farthest[stride] = max(farthest[stride], int(far))
    # What goes up and down between levels takes its longest way at steps of one kind only, on others a shorter one.
    assert all(bound - stride < farthest[stride] <= bound for stride, bound in zip((1, 2, 4), reach, strict=True))
    assert any(farthest[stride] == bound for stride, bound in zip((1, 2, 4), reach, strict=True))


@pytest.mark.parametrize('name', MODEL_PARTS)
def test_at_the_seams_nothing_changes(name, make_sample, monkeypatch):
    """Windows and the whole video have the same candidates, but for the code of a step's place in its window."""
    monkeypatch.setattr(event_aligned, 'sinusoidal_encoding', lambda num, dims, device: torch.zeros(num, dims))
    model = build(*MODEL_PARTS[name], test_cfg=dict(window=16))
    monkeypatch.setattr('mmdel.models.detectors.sliding_window.OWN_STEPS', (2, 1, 0))  # short: more seams
    stages = model.sliding_window.stages(model.backbone, model.neck, model.head)
    assert all(cut.step % 4 == cut.margin % 4 == 0 and cut.length <= 250 for cut in stages)
    several = max(2 * cut.step + cut.length for cut in stages) + 3
    videos = [features(num_steps) for num_steps in (several, 12, 3 * stages[0].step + stages[0].length)]
    whole = copy.deepcopy(model)
    whole.sliding_window = None
    for actual, expected in zip(predict(model, videos, make_sample), predict(whole, videos, make_sample), strict=True):
        assert_same(actual, expected)


def test_windows_cost_at_most_a_twentieth_more():
    """As in configs/del_thumos14.py: the reach worked out by hand, and what windows of it see twice.

    Level 5 sees 2 · 9 steps of the alignment, 2 of the stem's convolutions, 2 · 9 of its attention and 31 of the
    strided convolutions; then 9 · 32 of the neck's attention, 31 on the way down and up each, and 3 · 32 of the head.
    """
    parts = dict(DEL, attn_window=19, align=dict(ALIGN, num_layers=2, window_intra=19)), dict(PAN, attn_window=19), {}
    model = build(*parts, num_levels=6, test_cfg=dict(window=1))
    assert max(model.backbone.reach) == 18 + 2 + 18 + 31
    for window in (1, 2304, 50_000):
        stages = SlidingWindow(window).stages(model.backbone, model.neck, model.head)
        margins = [-(-reach // 32) * 32 for reach in (69, 288 + 2 * 31 + 96)]
        assert [cut.margin for cut in stages] == margins
        assert all(cut.length >= window and cut.step % 32 == 0 for cut in stages)
        backbone, neck, step = *(cut.length / cut.step for cut in stages), stages[1].step
        head = 1 + 2 * model.sliding_window.head_margin(model.head) / step
        assert 13.9 * backbone + 3.9 * neck + 4.6 * head <= 1.05 * 22.4  # GFLOP of DEL, as OWN_STEPS has them
    assert SlidingWindow(2304, overlap=0.25).stages(model.backbone, model.neck, model.head) is None


@pytest.mark.parametrize(
    ('backbone', 'neck'),
    [
        (dict(DEL, attn_window=5, align=dict(ALIGN, window_intra=None)), PAN),
        (dict(DEL, attn_window=None), PAN),
        (dict(DEL, attn_window=5), dict(PAN, attn_window=None)),
        (dict(PYRAMID, block=dict(BLOCK, window=None)), CONCAT),
        (dict(DEL, attn_window=5, align=dict(ALIGN, mask='none')), PAN),
    ],
)
def test_a_model_that_sees_everything_has_windows_as_stated(backbone, neck, make_sample):
    """Each is then what the model sees, half of it twice: by hand for a video of two windows."""
    model = build(backbone, neck, {}, test_cfg=dict(window=16))
    assert model.sliding_window.stages(model.backbone, model.neck, model.head) is None
    video = features(24)
    (found,) = predict(model, [video], make_sample)
    scores = []
    for first, own in ((0, slice(0, 12)), (8, slice(4, 16))):
        part = {name: x[None, first : first + 16] for name, x in video.items()}
        with torch.no_grad():
            logits, _ = model(StreamBatch(part, torch.ones(1, 16, dtype=torch.bool)))
        steps = torch.arange(16)[own]
        times = torch.cat([torch.arange(0, 16, 2**level) for level in range(3)])
        scores.append(logits[0, torch.isin(times, steps)].sigmoid().flatten())
    torch.testing.assert_close(found.scores.float(), torch.cat(scores).sort(descending=True).values)


class EverySecond(nn.Module):
    """A backbone that sees nothing beside a step, and does not say so: level l is every 2^l-th step."""

    def forward(self, inputs):
        mask = inputs.mask
        x = (inputs.streams['visual'] * mask[..., None]).transpose(1, 2)
        strides = [2**level for level in range(3)]
        return dict(visual=tuple(x[..., ::stride] for stride in strides)), tuple(
            mask[:, ::stride] for stride in strides
        )


@pytest.mark.parametrize('batch_size', [1, 5, 100])
def test_stated_windows_that_overlap_enough_give_what_the_whole_video_gives(batch_size, build_detector, make_sample):
    """The overlap's middle lies 16 steps from the cuts, and the head sees 12: the windows change nothing at all."""
    torch.manual_seed(0)
    options = dict(streams=('visual',), neck='ConcatNeck', dims=6, pre_nms_score=0.0, pre_nms_num=10**6)
    model = build_detector(**options, test_cfg=dict(window=64, overlap=0.5, batch_size=batch_size)).eval()
    model.head.nms, model.backbone = SegmentNMS(method=None, max_num=10**6), EverySecond()
    videos = [features(num_steps) for num_steps in (301, 40, 64, 65, 130, 23)]
    whole = copy.deepcopy(model)
    whole.sliding_window = None
    together, expected = predict(model, videos, make_sample), predict(whole, videos, make_sample)
    for actual, alone, wanted in zip(
        together, [predict(model, [video], make_sample)[0] for video in videos], expected, strict=True
    ):
        assert_same(actual, wanted)
        assert_same(alone, wanted)


def test_no_longer_than_a_window_is_seen_as_without_windows(make_sample):
    video = features(33)
    expected = predict(build(*MODEL_PARTS['DEL']), [video], make_sample)[0]
    for window in (33, 10**6):
        same = predict(build(*MODEL_PARTS['DEL'], test_cfg=dict(window=window)), [video], make_sample)[0]
        assert all(torch.equal(same[name], expected[name]) for name in ('scores', 'segments_sec', 'labels'))


def test_training_and_raw_outputs_know_no_windows(make_sample):
    outputs = []
    for test_cfg in (None, dict(window=16)):
        model, video = build(*MODEL_PARTS['ActionFormer'], test_cfg=test_cfg), features(50)
        inputs = {name: [x] for name, x in video.items()}
        data = model.data_preprocessor(dict(inputs=inputs, data_samples=[make_sample([(1.0, 3.0, 0)], 50)]))
        outputs.append([*model(data['inputs']), *model(**data, mode='loss').values()])
    assert all(torch.equal(a, b) for a, b in zip(*outputs, strict=True))


@pytest.mark.parametrize('overlap', [None, 0.5])
def test_a_long_video_may_have_as_many_events_as_its_windows(overlap, make_sample):
    """And a short one no more than before."""
    model = build(*MODEL_PARTS['ActionFormer'], test_cfg=dict(window=100, overlap=overlap))
    model.head.nms, model.head.pre_nms_num = SegmentNMS(method=None, max_num=7), 20
    found = predict(model, [features(num_steps) for num_steps in (40, 100, 101, 250, 1000)], make_sample)
    assert [len(events.scores) for events in found] == [7, 7, 8, 18, 70]
    model.head.nms = SegmentNMS(method=None, max_num=10**6)
    short, long = (predict(model, [features(num_steps)], make_sample)[0] for num_steps in (100, 2000))
    assert len(short.scores) == 20 and 400 <= len(long.scores) <= 2 * 400 + 20
    middle = long.segments_sec.mean(1)  # they are of every part of the video
    assert torch.histc(middle, bins=10, min=0, max=2000).min() > 20


@pytest.mark.parametrize('wrong', [dict(window=0), dict(window=9, overlap=1.0), dict(window=9, batch_size=0)])
def test_wrong_arguments(wrong):
    with pytest.raises(ValueError, match=r'at least 1|in \[0, 1\)'):
        SlidingWindow(**wrong)
