import pytest
import torch
from mmengine.structures import InstanceData
from torch import nn

from mmdel.engine.hooks.tapped_loss import Tap, TappedLoss, listen
from mmdel.models.losses import ScoreContrastiveLoss
from mmdel.structures import EventDataSample, StreamBatch


@pytest.mark.parametrize('layout', ['BTD', 'BDT', 'TBD', 'BDTHW', 'HBWTD'])
def test_a_layout_brings_the_dimensions_to_their_places(layout):
    sizes = dict(B=2, T=3, D=4, H=5, W=6)
    wanted = torch.randn(2, 3, 4)
    spread = torch.randn([sizes[letter] for letter in layout])
    extra = [index for index, letter in enumerate(layout) if letter in 'HW']
    if extra:
        spread = spread - spread.mean(extra, keepdim=True)
    index = [None if letter in 'HW' else slice(None) for letter in layout]
    order = ['BTD'.index(letter) for letter in layout if letter in 'BTD']
    output = spread * bool(extra) + wanted.permute(order)[tuple(index)]
    torch.testing.assert_close(Tap('x', 'x', layout).read(dict(x=output)), wanted)


def test_keys_pick_dict_items_fields_and_elements():
    vector = torch.randn(2, 3)
    output = [None, dict(streams=StreamBatch(dict(audio=(torch.zeros(()), vector)), torch.zeros(())))]
    torch.testing.assert_close(Tap('x', 'a:1.streams.streams.audio.1', 'BD').read(dict(x=output)), vector)


@pytest.mark.parametrize(
    'keys', ['2', '1.audio', '1.streams.sound', '1.streams.streams.audio.4', '1.streams.0.audio.x']
)
def test_a_key_that_picks_nothing_is_named(keys):
    output = [None, dict(streams=StreamBatch(dict(audio=(torch.zeros(2, 3),)), torch.zeros(())))]
    with pytest.raises(ValueError, match=rf"taps\['x'\] = 'a:{keys}': a \w+ has no '{keys.split('.')[-1]}'"):
        Tap('x', f'a:{keys}', 'BD').read(dict(x=output))


@pytest.fixture
def tapped():
    torch.manual_seed(0)
    loss = ScoreContrastiveLoss(num_classes=3, embed_dims=4, streams=('x', 'y'))
    return TappedLoss(loss, [Tap('x', 'a', 'BTD'), Tap('y', 'b', 'BTD'), Tap('cls_x', 'c', 'BD')], 'segments')


def samples(*segments):
    labels = torch.zeros(1, dtype=torch.long)
    return [EventDataSample(gt_instances=InstanceData(segments=torch.tensor([s]), labels=labels)) for s in segments]


def outputs(num_steps=8, **kwargs):
    g = torch.Generator().manual_seed(0)
    return dict(
        x=torch.randn(2, num_steps, 4, generator=g),
        y=torch.randn(2, num_steps, 4, generator=g),
        cls_x=torch.randn(2, 4, generator=g),
        **kwargs,
    )


def test_the_mask_is_a_key_or_a_field_of_the_inputs_or_all_steps(tapped):
    truth = samples((1.0, 2.0), (5.0, 6.5))
    whole = torch.ones(2, 8, dtype=torch.bool)
    part = whole.clone()
    part[0, 4:] = False

    def terms(inputs):
        return {name: term.item() for name, term in tapped(outputs(), inputs, truth).items()}

    for mask in (whole, part):
        assert terms(dict(mask=mask)) == terms(StreamBatch({}, mask))
    for inputs in (torch.zeros(2, 3), dict(x=torch.zeros(2, 3)), [torch.zeros(2, 3)]):
        assert terms(inputs) == terms(dict(mask=whole)) != terms(dict(mask=part))


def test_steps_in_an_ignored_event_and_in_no_true_one_are_as_padding(tapped):
    truth = samples((1.0, 2.0), (5.0, 6.5))
    truth[0].ignored_instances = InstanceData(segments=torch.tensor([[1.5, 4.0], [7.0, 7.0]]))
    mask = torch.ones(2, 8, dtype=torch.bool)
    mask[0, [3, 4, 7]] = False
    torch.testing.assert_close(
        tapped(outputs(), None, truth), tapped(outputs(), dict(mask=mask), samples((1.0, 2.0), (5.0, 6.5)))
    )


def test_the_weight_scales_losses_not_counts(tapped):
    truth = samples((1.0, 2.0), (5.0, 6.5))
    full = tapped(outputs(), None, truth)
    tapped.weight = 0.5
    half = tapped(outputs(), None, truth)
    for name, term in full.items():
        torch.testing.assert_close(half[name], term * (0.5 if 'loss' in name else 1.0))


def test_taps_that_fit_neither_one_another_nor_the_mask_are_refused(tapped):
    truth, mask = samples((1.0, 2.0), (5.0, 6.5)), torch.ones(2, 8, dtype=torch.bool)
    with pytest.raises(ValueError, match=r"'x': \(2, 8\), 'y': \(2, 6\)"):
        tapped({**outputs(), 'y': torch.zeros(2, 6, 4)}, dict(mask=mask), truth)
    with pytest.raises(ValueError, match=r"mask \(2, 8\); got \{'x': \(2, 6\)"):
        tapped(outputs(6), dict(mask=mask), truth)
    with pytest.raises(ValueError, match=r"'cls_x': \(3,\)"):
        tapped({**outputs(), 'cls_x': torch.zeros(3, 4)}, None, truth)
    with pytest.raises(ValueError, match='each of the 3 data samples'):
        tapped(outputs(), None, truth + truth[:1])
    with pytest.raises(ValueError, match=r"taps\['y'\] = 'b' is not called"):
        tapped(dict(x=torch.zeros(2, 8, 4)), None, truth)


def test_calls_of_other_modes_are_forgotten_and_a_name_is_taken_once():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.part = nn.Identity()

        def forward(self, inputs, data_samples=None, mode='tensor', call=True):
            return dict(loss_a=self.part(inputs) if call else inputs)

    model, seen = Model(), []

    def terms_of(calls, inputs, samples):
        seen.append({name: (call.args[0].item(), call.output.item()) for name, call in calls.items()})
        return dict.fromkeys(samples, inputs)

    handles = listen(model, dict(x=model.part), terms_of)
    assert model(torch.tensor(1.0)).keys() == {'loss_a'} and not seen
    assert model(torch.tensor(2.0), ['loss_b'], mode='loss', call=False).keys() == {'loss_a', 'loss_b'}
    model(torch.tensor(3.0), ['loss_b'], mode='loss')
    assert seen == [{}, {'x': (3.0, 3.0)}]
    with pytest.raises(ValueError, match=r"terms of these names already: \['loss_a'\]"):
        model(torch.tensor(4.0), ['loss_a'], 'loss')
    [handle.remove() for handle in handles]
    assert model(torch.tensor(5.0), ['loss_b'], mode='loss').keys() == {'loss_a'} and len(seen) == 3
