import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.models.losses import DIoULoss
from mmdel.models.losses.segment_iou import segment_diou_loss

ends = st.floats(-100, 100, width=32)
segments = st.tuples(ends, st.floats(0.0625, 100, width=32)).map(lambda item: (item[0], item[0] + item[1]))


@pytest.mark.parametrize(
    'pred, target, loss',
    [
        ((2, 6), (2, 6), 0.0),
        ((0, 4), (2, 6), 1 - 2 / 6 + (2 / 6) ** 2),
        ((0, 2), (4, 6), 1 + (4 / 6) ** 2),  # disjoint: the tIoU is 0, the distance still pulls
        ((2, 4), (0, 6), 1 - 2 / 6),  # same centre
        ((0, 2), (0, 6), 1 - 2 / 6 + (2 / 6) ** 2),
        ((3, 3), (3, 3), 1.0),  # no length, no overlap
    ],
)
def test_hand_made_pairs(pred, target, loss):
    pair = torch.tensor(pred).float(), torch.tensor(target).float()
    assert segment_diou_loss(*pair).item() == pytest.approx(loss)


@settings(derandomize=True, deadline=None)
@given(segments, segments, st.floats(-50, 50), st.floats(0.1, 10))
def test_it_is_symmetric_bounded_and_knows_no_origin_nor_unit(a, b, shift, scale):
    a, b = torch.tensor(a), torch.tensor(b)
    loss = segment_diou_loss(a, b)
    assert -1e-5 <= loss < 2
    torch.testing.assert_close(loss, segment_diou_loss(b, a))
    if min(a[1] - a[0], b[1] - b[0]) > 1:  # shorter ones are rounded away beside the shift
        torch.testing.assert_close(segment_diou_loss(a * scale + shift, b * scale + shift), loss, atol=1e-3, rtol=1e-3)


def test_following_the_gradient_reaches_the_target_from_any_overlap():
    pred, target = torch.nn.Parameter(torch.tensor([39.5, 60.0])), torch.tensor([30.0, 41.0])
    optimizer = torch.optim.Adam([pred], lr=0.5)
    for _ in range(300):
        optimizer.zero_grad()
        segment_diou_loss(pred, target).backward()
        optimizer.step()
        for group in optimizer.param_groups:
            group['lr'] *= 0.985
    torch.testing.assert_close(pred.detach(), target, atol=0.2, rtol=0)


@pytest.mark.parametrize('pred', [(3.0, 3.0), (0.0, 0.0), (5.0, 4.0)])
def test_gradients_are_finite_for_segments_of_no_length(pred):
    pred = torch.tensor(pred, requires_grad=True)
    for target in ((3.0, 3.0), (0.0, 0.0), (1.0, 2.0)):
        segment_diou_loss(pred, torch.tensor(target)).backward()
        assert pred.grad.isfinite().all()


def test_half_precision_is_computed_in_float32():
    pred, target = torch.tensor([1.5, 4.25]).bfloat16(), torch.tensor([2.0, 5.0])
    loss = segment_diou_loss(pred, target)
    assert loss.dtype == torch.float32 and loss == segment_diou_loss(pred.float(), target)


@pytest.mark.parametrize('loss_weight', [0.0, 1.0, 5.0])
def test_module_sums_the_weighted_over_the_normalizer(loss_weight):
    pred = torch.tensor([[0.0, 4.0], [0.0, 2.0], [7.0, 9.0]])
    target = torch.tensor([[2.0, 6.0], [4.0, 6.0], [0.0, 1.0]])
    each = segment_diou_loss(pred, target)
    loss = DIoULoss(loss_weight)(pred, target, torch.tensor([1.0, 0.5, 0.0]), 4.0)
    torch.testing.assert_close(loss, loss_weight * (each[0] + 0.5 * each[1]) / 4)


def test_where_there_is_nothing_to_regress_targets_may_hold_anything():
    pred = torch.tensor([[0.0, 4.0], [1.0, 2.0]], requires_grad=True)
    target = torch.tensor([[2.0, 6.0], [float('nan'), float('inf')]])
    loss = DIoULoss()(pred, target, weight=torch.tensor([1.0, 0.0]), normalizer=1.0)
    loss.backward()
    assert loss.isfinite() and pred.grad[0].any()
