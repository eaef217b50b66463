import copy

import pytest
import torch
from meta_device import run_on_meta

from mmdel.models.task_modules import SegmentNMS
from mmdel.registry import MODELS
from mmdel.structures import StreamBatch, segment_iou

CHANNELS = dict(visual=6, audio=4)
EVENTS = ((1.0, 3.5, 0), (2.0, 9.0, 1), (0.5, 14.0, 2), (6.5, 8.0, 2))
FORMS = [
    dict(),
    dict(window=5),
    dict(align='temporal', window=5),
    dict(align='none', class_aware=False),
    dict(align=None, neck='ConcatNeck'),
    dict(streams=('audio',)),
]


def short_id(form):
    return ', '.join(f'{key}={value}' for key, value in form.items()) or 'default'


def batch(model, lengths, samples):
    """A preprocessed batch of random features."""
    torch.manual_seed(0)
    inputs = {name: [torch.randn(n, width) for n in lengths] for name, width in CHANNELS.items()}
    return model.data_preprocessor(dict(inputs=inputs, data_samples=samples))


def levels_of(mask):
    return [mask[:, :: 2**level] for level in range(3)]


def total(losses):
    return sum(value for key, value in losses.items() if 'loss' in key)


@pytest.mark.parametrize('form', FORMS, ids=short_id)
def test_gradients_reach_every_parameter(form, build_detector, make_sample):
    torch.manual_seed(0)
    model = build_detector(**form)
    for param in model.neck.parameters():  # its branches start at zero, and so would the gradients behind them
        param.data += 0.1 * torch.randn_like(param)
    total(model(**batch(model, [16, 11], [make_sample(EVENTS), make_sample(EVENTS[:2])]), mode='loss')).backward()
    assert {name for name, param in model.named_parameters() if param.grad is None} == set()
    assert all(param.grad.isfinite().all() for param in model.parameters())
    assert all(param.grad.any() for param in model.parameters())


@pytest.mark.parametrize('form', FORMS, ids=short_id)
def test_padding_and_the_rest_of_the_batch_never_change_a_video(form, build_detector, make_sample):
    torch.manual_seed(0)
    model = build_detector(**form).eval()
    lengths = [23, 1, 9, 2]
    inputs = batch(model, lengths, [make_sample(num_steps=n) for n in lengths])['inputs']
    for stream in inputs.streams.values():  # what lies behind a video is never read
        stream[~inputs.mask] = 1e3
    valid = torch.cat(levels_of(inputs.mask), dim=1)
    outputs = model(inputs)
    for video, length in enumerate(lengths):
        cut = {name: x[video : video + 1, :length] for name, x in inputs.streams.items()}
        alone = model(StreamBatch(cut, inputs.mask[video : video + 1, :length]))
        for actual, expected in zip(outputs, alone, strict=True):
            torch.testing.assert_close(actual[video][valid[video]], expected[0], atol=5e-5, rtol=1e-3)


@pytest.mark.parametrize('form', FORMS, ids=short_id)
@pytest.mark.parametrize('lengths', [[1], [2, 1], [7, 5], [16, 3, 9]])
def test_any_lengths_train_and_predict(form, lengths, build_detector, make_sample):
    torch.manual_seed(0)
    model = build_detector(pre_nms_score=0.0, prior_prob=0.5, **form)
    samples = [make_sample([(0.0, max(1.0, n - 1.0), 1)], n) for n in lengths]
    data = batch(model, lengths, samples)
    assert total(model(**data, mode='loss')).isfinite()
    results = model.eval()(**data, mode='predict')
    assert [sample.num_steps for sample in results] == lengths
    for sample in results:
        events = sample.pred_instances
        assert len(events.scores) > 0 and (events.scores.diff() <= 0).all()
        assert events.segments_sec.shape == (len(events.scores), 2) and events.labels.dtype == torch.int64
        assert (events.segments_sec >= 0).all() and (events.segments_sec <= sample.duration_sec).all()
        assert (events.segments_sec.diff(dim=1) >= 0).all()
        assert ((events.labels >= 0) & (events.labels < 3)).all()


@pytest.mark.parametrize('form', FORMS, ids=short_id)
def test_half_precision_inference_stays_near_float32(form, build_detector, make_sample):
    torch.manual_seed(0)
    model = build_detector(**form).eval()
    data = batch(model, [16, 9], [make_sample(), make_sample(num_steps=9)])
    streams, mask = data['inputs']
    valid = torch.cat(levels_of(mask), dim=1)
    expected = model(data['inputs'])
    model.to(torch.bfloat16)
    data['inputs'] = StreamBatch({name: x.bfloat16() for name, x in streams.items()}, mask)
    for actual, wanted in zip(model(data['inputs']), expected, strict=True):
        assert actual.dtype == torch.bfloat16
        difference = (actual.float() - wanted)[valid].abs()
        assert difference.mean() < 0.03 and difference.max() < 0.5
    assert all(s.pred_instances.segments_sec.isfinite().all() for s in model(**data, mode='predict'))


@pytest.mark.parametrize('form', FORMS, ids=short_id)
def test_mixed_precision_training_stays_near_float32(form, build_detector, make_sample):
    torch.manual_seed(0)
    model = build_detector(**form)
    data = batch(model, [16, 11, 1], [make_sample(EVENTS), make_sample(EVENTS[:2]), make_sample()])
    expected = copy.deepcopy(model)(**data, mode='loss')  # the copy moves a normalizer of its own
    with torch.autocast(data['inputs'].mask.device.type, torch.bfloat16):
        losses = model(**data, mode='loss')
    total(losses).backward()
    for key, value in expected.items():
        torch.testing.assert_close(losses[key].float(), value, rtol=0.1, atol=0.02)
    assert all(param.grad.isfinite().all() for param in model.parameters() if param.grad is not None)


@pytest.mark.parametrize('form', [dict(), dict(window=5)], ids=short_id)
def test_a_video_without_a_valid_step_harms_nobody(form, build_detector, make_sample):
    torch.manual_seed(0)
    model = build_detector(**form)
    data = batch(model, [12, 12], [make_sample(EVENTS), make_sample()])
    data['inputs'].mask[1] = False
    losses = model(**data, mode='loss')
    total(losses).backward()
    assert all(value.isfinite() for value in losses.values())
    assert all(param.grad.isfinite().all() for param in model.parameters())
    results = model.eval()(**data, mode='predict')
    assert len(results[1].pred_instances.scores) == 0


def test_the_modes_agree(build_detector, make_sample):
    torch.manual_seed(0)
    model = build_detector().eval()
    data = batch(model, [16, 11], [make_sample(EVENTS), make_sample(EVENTS[:2])])
    masks = levels_of(data['inputs'].mask)
    outputs = model(data['inputs'])
    assert [tuple(item.shape) for item in outputs] == [(2, 28, 3), (2, 28, 3, 2)]
    losses, expected = model(**data, mode='loss'), model.head.loss_by_feat(*outputs, masks, data['data_samples'])
    assert set(losses) == {'loss_cls', 'loss_reg', 'num_pos'} == set(expected)
    for key in losses:
        torch.testing.assert_close(losses[key], expected[key])
    for sample, events in zip(
        model(**data, mode='predict'), model.head.predict_by_feat(*outputs, masks, data['data_samples']), strict=True
    ):
        torch.testing.assert_close(sample.pred_instances.segments_sec, events.segments_sec)
        torch.testing.assert_close(sample.pred_instances.scores, events.scores)


def test_memory_in_windows_grows_linearly(build_detector, assert_linear_memory):
    model = build_detector(window=5, dims=4)

    def run(num_steps):
        streams = {name: torch.randn(1, num_steps, num) for name, num in CHANNELS.items()}
        inputs = StreamBatch(streams, torch.ones(1, num_steps, dtype=torch.bool))
        return torch.cat([x.flatten() for x in model(inputs)])

    assert_linear_memory(run, 4000)


@pytest.mark.parametrize('test_cfg', [None, dict(window=2304, overlap=0.5)], ids=['whole', 'windows'])
def test_hours_are_seen_to_their_end(test_cfg, build_detector, make_sample):
    """20,000 steps, in one piece or in windows: every step gives candidates, and none sees a shortened video."""
    torch.manual_seed(0)
    num_steps = 20_000
    model = build_detector(
        window=5, dims=8, prior_prob=0.5, pre_nms_score=0.0, pre_nms_num=10**6, test_cfg=test_cfg
    ).eval()
    model.head.nms = SegmentNMS(method=None, max_num=10**6)
    data = batch(model, [num_steps], [make_sample(num_steps=num_steps)])
    with torch.no_grad():
        events = model(**data, mode='predict')[0].pred_instances
        data['inputs'].streams['visual'][:, -3:] += 1.0
        others = model(data['inputs'], [make_sample(num_steps=num_steps)], mode='predict')[0].pred_instances
    middle = events.segments_sec.mean(dim=1)
    counts = torch.histc(middle, bins=100, min=0, max=num_steps)
    assert counts.min() > 0.5 * counts.mean()
    # What is seen last changes the last events.
    last, other_last = (item.scores[item.segments_sec[:, 0] > num_steps - 9].sort().values for item in (events, others))
    assert len(last) > 9 and (len(last) != len(other_last) or (last - other_last).abs().max() > 1e-3)


@pytest.mark.parametrize('test_cfg', [None, dict(window=512, batch_size=4)], ids=['whole', 'windows'])
def test_memory_of_prediction_grows_linearly(test_cfg, build_detector, make_sample, assert_linear_memory):
    model = build_detector(window=5, dims=4, test_cfg=test_cfg).eval()

    def run(num_steps):
        with torch.no_grad():
            model(**batch(model, [num_steps], [make_sample(num_steps=num_steps)]), mode='predict')
        return torch.zeros(1, requires_grad=True)

    assert_linear_memory(run, 10_000)


def test_a_training_step_makes_nothing_beside_the_device_and_never_waits_for_it(build_detector, make_sample):
    model = build_detector()
    model.data_preprocessor = None
    samples = [make_sample(EVENTS), make_sample()]
    inputs = StreamBatch({name: torch.randn(2, 16, width) for name, width in CHANNELS.items()}, torch.ones(2, 16) > 0)
    losses = run_on_meta(model, inputs, samples, mode='loss')
    assert all(value.is_meta for value in losses.values())


def detector_cfg(backbone=(), neck=(), head=()):
    """A detector whose parts' configs are changed."""
    ranges = [(0, 4), (4, 8), (8, 10000)]
    return dict(
        type='mmdel.EventDetector',
        backbone=dict(
            type='mmdel.AudioVisualPyramidBackbone',
            in_channels=dict(CHANNELS),
            streams=['visual', 'audio'],
            embed_dims=8,
            num_levels=3,
            num_heads=2,
        )
        | dict(backbone),
        neck=dict(type='mmdel.DependencyNeck', feat_channels=4) | dict(neck),
        head=dict(
            type='mmdel.AnchorFreeHead',
            num_classes=5,
            feat_channels=8,
            point_generator=dict(type='mmdel.PointGenerator', regress_ranges=ranges),
            assigner=dict(type='mmdel.PointAssigner'),
            nms=dict(type='mmdel.SegmentNMS'),
        )
        | dict(head),
    )


def test_what_follows_from_the_other_parts_is_filled_in():
    model = MODELS.build(detector_cfg())
    assert model.neck.num_classes == 5 and model.neck.expand.in_channels == 16
    assert model.head.cls_tower.convs[0].in_channels == 16
    pan = dict(type='mmdel.AudioVisualPAN', num_heads=2, in_channels=dict(audio=8, visual=8))
    model = MODELS.build(dict(detector_cfg(head=dict(in_channels=16)), neck=pan))
    assert model.neck.out_channels == 16


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(neck=dict(in_channels=dict(visual=8, audio=4))), r'neck\.in_channels is .*4.* but .*8.* follows'),
        (dict(neck=dict(num_levels=4)), r'neck\.num_levels is 4 in the config, but 3 follows'),
        (dict(neck=dict(num_classes=20)), r'neck\.num_classes is 20 in the config, but 5 follows'),
        (dict(head=dict(in_channels=8)), r'head\.in_channels is 8 in the config, but 16 follows'),
        (dict(backbone=dict(num_levels=4)), r'backbone\.num_levels is 4, head\.num_levels 3'),
    ],
)
def test_parts_that_do_not_fit_are_refused_with_both_numbers(changes, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build(detector_cfg(**changes))


def test_an_unknown_mode_is_refused(build_detector, make_sample):
    model = build_detector()
    with pytest.raises(ValueError, match="'loss', 'predict' or 'tensor', got 'train'"):
        model(**batch(model, [4], [make_sample()]), mode='train')


def planted_video(events, num_steps):
    """Features in which an event is seen, heard, or both, amid noise: class 0 shows, 1 sounds, 2 does both."""
    visual, audio = (0.3 * torch.randn(num_steps, num) for num in CHANNELS.values())
    for start, end, label in events:
        inside = slice(round(start), round(end) + 1)
        if label != 1:
            visual[inside, label] += 2.0
        if label != 0:
            audio[inside, label] += 2.0
    return visual, audio


@pytest.mark.parametrize('form', [dict(), dict(window=9, class_aware=False)], ids=short_id)
def test_a_few_videos_are_learned_by_heart(form, build_detector, make_sample):
    torch.manual_seed(0)
    truth = [
        [(2.0, 6.0, 0), (10.0, 13.0, 1)],
        [(1.0, 16.0, 2), (4.0, 7.0, 0)],
        [(3.0, 5.0, 1), (8.0, 17.0, 2), (19.0, 22.0, 0)],
        [],
    ]
    lengths = [16, 19, 24, 12]
    model = build_detector(normalizer_init=10.0, prior_prob=0.1, **form)
    torch.manual_seed(1)
    videos = [planted_video(events, n) for events, n in zip(truth, lengths, strict=True)]
    samples = [make_sample(events, n) for events, n in zip(truth, lengths, strict=True)]
    inputs = dict(visual=[video[0] for video in videos], audio=[video[1] for video in videos])
    data = model.data_preprocessor(dict(inputs=inputs, data_samples=samples))

    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 100)
    history = []
    for _ in range(100):
        losses = model(**data, mode='loss')
        loss = total(losses)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        history.append(loss.item())
    assert sum(history[-5:]) < 0.2 * sum(history[:5])

    for sample, events in zip(model.eval()(**data, mode='predict'), truth, strict=True):
        found = sample.pred_instances
        confident = found.scores > 0.5
        assert confident.sum() == len(events)
        for start, end, label in events:
            event = sample.grid.to_sec(torch.tensor([start, end]))
            match = confident & (found.labels == label) & (segment_iou(found.segments_sec, event) > 0.7)
            assert match.sum() == 1, (start, end, label)
