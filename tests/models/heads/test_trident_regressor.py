import math

import pytest
import torch

from mmdel.models.heads import TridentRegressor
from mmdel.models.heads.trident_regressor import expected_distances

NUM_CLASSES, CHANNELS, BINS, LENGTHS = 3, 6, 4, [13, 7, 4]


def build():
    torch.manual_seed(0)
    return TridentRegressor(CHANNELS, 8, NUM_CLASSES, num_levels=3, num_bins=BINS)


def pyramid():
    feats = tuple(torch.randn(2, CHANNELS, length) for length in LENGTHS)
    return feats, tuple(torch.ones(2, length, dtype=torch.bool) for length in LENGTHS)


def softmax(values):
    exponents = [math.exp(value) for value in values]
    return [value / sum(exponents) for value in exponents]


def naive_distances(start, end, centre):
    """The formula by loops, for one video: (T, C), (T, C), (T, 2, K + 1)."""
    num_steps, num_classes, num_bins = *start.shape, centre.shape[-1] - 1
    out = torch.zeros(num_steps, num_classes, 2)
    for t in range(num_steps):
        for c in range(num_classes):
            before = [float(start[t - b, c]) if t - b >= 0 else 0.0 for b in range(num_bins + 1)]
            after = [float(end[t + b, c]) if t + b < num_steps else 0.0 for b in range(num_bins + 1)]
            for side, boundary in enumerate((before, after)):
                probability = softmax([x + float(centre[t, side, b]) for b, x in enumerate(boundary)])
                out[t, c, side] = sum(b * p for b, p in enumerate(probability))
    return out


@pytest.mark.parametrize('lengths', [[1], [3], [12], [12, 6, 3, 2, 1]])
def test_distances_are_the_formulas(lengths):
    torch.manual_seed(0)
    num_steps = sum(lengths)
    start, end = torch.randn(2, num_steps, NUM_CLASSES), torch.randn(2, num_steps, NUM_CLASSES)
    centre = torch.randn(2, num_steps, 2, BINS + 1)
    actual = expected_distances(start, end, centre, lengths)
    for video in range(2):
        levels = zip(*(x[video].split(lengths) for x in (start, end, centre)), strict=True)
        expected = torch.cat([naive_distances(*level) for level in levels])
        torch.testing.assert_close(actual[video], expected)


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_distances_are_exact_under_autocast(dtype):
    """Far below the 1/16 of a step that lies between two bfloat16 numbers near 16."""
    torch.manual_seed(0)
    logits = [torch.randn(1, 20, 2), torch.randn(1, 20, 2), torch.randn(1, 20, 2, 17)]
    logits = [x.to(dtype) for x in logits]
    with torch.autocast(logits[0].device.type, dtype=torch.bfloat16):
        actual = expected_distances(*logits, [20])
    expected = naive_distances(*(x[0].float() for x in logits))
    torch.testing.assert_close(actual[0], expected, atol=5e-4, rtol=0)


def test_sure_boundaries_are_found_where_they_are():
    """An event from step 3 to step 8: what each step in reach says, by hand."""
    start, end = torch.zeros(1, 12, 1), torch.zeros(1, 12, 1)
    start[0, 3], end[0, 8] = 50.0, 50.0
    distances = expected_distances(start, end, torch.zeros(1, 12, 2, BINS + 1), [12])[0, :, 0]
    torch.testing.assert_close(distances[3:8, 0], torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0]))
    torch.testing.assert_close(distances[4:9, 1], torch.tensor([4.0, 3.0, 2.0, 1.0, 0.0]))
    # Out of reach every distance is as probable as any other.
    assert distances[10, 0] == distances[0, 1] == BINS / 2


def test_the_point_itself_may_choose_the_distance():
    centre = torch.zeros(1, 2, 2, BINS + 1)
    centre[0, 0, 0, 3], centre[0, 0, 1, 1] = 50.0, 50.0
    distances = expected_distances(torch.zeros(1, 2, 1), torch.zeros(1, 2, 1), centre, [2])
    torch.testing.assert_close(distances[0, 0, 0], torch.tensor([3.0, 1.0]))


def test_neighbours_are_those_of_the_same_level():
    """A level's offsets do not change with the other levels."""
    regressor, (feats, masks) = build(), pyramid()
    offsets = regressor(feats, masks).split(LENGTHS, dim=1)
    other = tuple(torch.randn_like(feat) if level != 1 else feat for level, feat in enumerate(feats))
    changed = regressor(other, masks).split(LENGTHS, dim=1)
    torch.testing.assert_close(changed[1], offsets[1])
    assert not torch.allclose(changed[0], offsets[0])


def test_shapes_and_reach():
    regressor = build()
    with torch.no_grad():
        regressor.centre_tower.scales.fill_(100.0)  # sure of one bin each
    offsets = regressor(*pyramid())
    assert offsets.shape == (2, sum(LENGTHS), regressor.num_regressions, 2) and regressor.num_regressions == NUM_CLASSES
    assert 0 <= offsets.min() < 0.1 and BINS - 0.1 < offsets.max() <= BINS


def test_boundary_branches_learn_but_do_not_teach_the_features():
    regressor, (feats, masks) = build(), pyramid()
    feats = tuple(feat.requires_grad_() for feat in feats)
    for parameter in regressor.centre_tower.parameters():
        parameter.data.zero_()  # the centre branch is constant: what is left comes from the boundary branches
    regressor(feats, masks).square().sum().backward()
    assert regressor.start_tower.last.weight.grad.any() and regressor.end_tower.last.weight.grad.any()
    assert not any(feat.grad is not None and feat.grad.any() for feat in feats)
