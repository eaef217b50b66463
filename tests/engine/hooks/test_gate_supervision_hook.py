from types import SimpleNamespace

import pytest
import tiny_bundle
import torch
from mmengine.registry import MODELS
from mmengine.structures import InstanceData
from ragged import ragged_batch

from mmdel.engine.hooks import GateSupervisionHook
from mmdel.models.layers import EventAlignedAttention
from mmdel.structures import EventDataSample

LENGTHS, NUM_STEPS = (20, 13), 20


def make_model(**align):
    options = tiny_bundle.make_bundle().model
    options['backbone']['align'] = dict(options['backbone']['align'], window_intra=7, window_cross=1, **align)
    torch.manual_seed(0)
    return MODELS.build(options).train()


def make_batch(model, segments=([(2.2, 6.9), (5.0, 12.0)], [(1.0, 3.0)]), ignored=()):
    inputs = ragged_batch(model.backbone.in_channels, list(LENGTHS), NUM_STEPS, noise=1.0, dtype=torch.float32)
    samples = []
    for own in segments:
        truth = InstanceData(segments=torch.tensor(own), labels=torch.zeros(len(own), dtype=torch.long))
        sample = EventDataSample(gt_instances=truth)
        if ignored:
            sample.ignored_instances = InstanceData(segments=torch.tensor(ignored))
        samples.append(sample)
    return dict(inputs=inputs, data_samples=samples)


def listening(model, weight=0.1):
    hook = GateSupervisionHook(weight)
    hook.before_train(SimpleNamespace(model=model))
    return hook


def expected_loss(model, batch, mask):
    """By the mask that the attentions say they use, pair by pair of all steps."""
    seen, steps = [], torch.arange(NUM_STEPS)
    attentions = [part for part in model.modules() if isinstance(part, EventAlignedAttention)]
    handles = [part.register_forward_pre_hook(lambda part, args: seen.append((part, args[0]))) for part in attentions]
    torch.manual_seed(1)
    model(**batch, mode='loss')
    [handle.remove() for handle in handles]
    inside = torch.zeros(len(LENGTHS), NUM_STEPS, NUM_STEPS, dtype=torch.bool)
    for video, sample in enumerate(batch['data_samples']):
        for start, end in sample.gt_instances.segments.round().long().tolist():
            inside[video, start : end + 1, start : end + 1] = True
    stream = torch.arange(2).repeat_interleave(NUM_STEPS)
    same_stream, pair = stream[:, None] == stream, mask.repeat(1, 2)
    losses = []
    for part, tokens in seen:
        gates = part.event_mask(tokens, mask, steps).float()
        counts = (gates > 0) & pair[:, :, None]
        entropy = -torch.where(inside.repeat(1, 2, 2), gates, 1 - gates).clamp(min=1e-30).log()
        losses.append(sum(entropy[counts & where].mean() for where in (same_stream, ~same_stream)))
    return torch.stack(losses).mean()


def test_the_loss_is_the_entropy_of_the_mask_that_attention_uses():
    model = make_model(num_layers=2)
    batch, hook = make_batch(model), listening(model, 0.3)
    expected = expected_loss(model, batch, batch['inputs'].mask)
    torch.manual_seed(1)
    losses = model(**batch, mode='loss')
    assert losses['loss_gate'].item() == pytest.approx(0.3 * expected.item(), rel=1e-5)
    losses['loss_gate'].backward()
    assert model.backbone.align.blocks[1].attention.gate_bias.grad.abs().min() > 0
    hook.after_train(SimpleNamespace(model=model))
    assert model(**batch, mode='loss').keys() == losses.keys() - {'loss_gate'}
    assert not any(module._forward_hooks for module in model.modules())


def test_it_teaches_the_gate():
    """Where a channel tells of each event, the gate of two steps comes to tell whether one holds both."""
    model = make_model()
    batch, _ = make_batch(model, segments=([(2.0, 6.0), (9.0, 15.0)], [(1.0, 3.0), (5.0, 11.0)])), listening(model, 1.0)
    for x in batch['inputs'].streams.values():
        x.mul_(0.1)
        for video, sample in enumerate(batch['data_samples']):
            for event, (start, end) in enumerate(sample.gt_instances.segments.long().tolist()):
                x[video, start : end + 1, event] += 5.0
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(150):
        loss = model(**batch, mode='loss')['loss_gate']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.8  # a gate that is the same for all pairs has 1.2 at best


def test_steps_of_ignored_events_are_as_padding():
    """But for those of true events."""
    model = make_model()
    listening(model, 1.0)
    batch = make_batch(model, ignored=[(6.0, 16.0)])
    mask = batch['inputs'].mask.clone()
    mask[0, 13:17] = mask[1, 6:13] = False
    expected = expected_loss(model, batch, mask)
    torch.manual_seed(1)
    assert model(**batch, mode='loss')['loss_gate'].item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_test_and_a_weight_of_nothing_are_left_alone():
    model = make_model()
    listening(model, 0.0)
    assert not any(module._forward_hooks for module in model.modules())
    listening(model)
    assert len(model(make_batch(model)['inputs'], mode='tensor')) == 2
    assert 'loss_gate' in model(**make_batch(model, segments=([(1.0, 2.0)], [(3.0, 9.0)])), mode='loss')


def test_what_it_cannot_teach_is_told():
    with pytest.raises(ValueError, match=r"gates of event-aligned attention with mask='learned'"):
        listening(make_model(mask='temporal'))
    with pytest.raises(ValueError, match='weight of GateSupervisionHook must be at least 0, got -1'):
        GateSupervisionHook(-1)
