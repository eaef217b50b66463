import math

import pytest
import torch

from mmdel.models.losses import gate_loss


def naive(embedding, bias, mask, inside, window, window_cross):
    """Pair by pair."""
    reach = math.inf if window is None else window // 2
    num_videos, num_streams, num_steps, width = embedding.shape
    own, across = [], []
    for video in range(num_videos):
        for first in range(num_streams):
            for second in range(num_streams):
                for i in range(num_steps):
                    for j in range(num_steps):
                        far = abs(i - j) > (reach if first == second else window_cross)
                        if far or not (mask[video, i] and mask[video, j]) or first > second:
                            continue
                        dot = float(embedding[video, first, i] @ embedding[video, second, j]) / math.sqrt(width)
                        gate = 1 / (1 + math.exp(-dot - float(bias[int(first != second)])))
                        same = any(inside[video, i, n] and inside[video, j, n] for n in range(inside.shape[2]))
                        (own if first == second else across).append(-math.log(gate if same else 1 - gate))
    return sum(own) / len(own) + (sum(across) / len(across) if across else 0)


@pytest.mark.parametrize('num_streams', [1, 2])
@pytest.mark.parametrize(('window', 'window_cross'), [(None, 0), (5, 2), (1, 0), (101, 3)])
def test_it_is_the_mean_over_the_pairs_that_attention_sees(num_streams, window, window_cross):
    torch.manual_seed(0)
    embedding, bias = torch.randn(2, num_streams, 23, 4), torch.tensor([0.3, -0.7])
    mask = torch.arange(23) < torch.tensor([[23], [9]])
    inside = torch.zeros(2, 23, 3, dtype=torch.bool)
    inside[0, 2:7, 0] = inside[0, 5:12, 1] = inside[1, 0:3, 0] = inside[1, 8:9, 2] = True
    found = gate_loss(embedding, bias, mask, inside, window, window_cross)
    assert found.item() == pytest.approx(naive(embedding, bias, mask, inside, window, window_cross), rel=1e-5)
    half = gate_loss(embedding.bfloat16(), bias, mask, inside, window, window_cross)
    assert half.dtype == torch.float32 and half.item() == pytest.approx(found.item(), rel=0.02)


def test_an_embedding_of_the_event_brings_it_to_nothing():
    """Steps of one event point the same way, far; all others away from each other."""
    inside = torch.zeros(1, 6, 2, dtype=torch.bool)
    inside[0, :3, 0] = inside[0, 3:, 1] = True
    embedding = 20 * (2.0 * inside.float() - 1)[:, None].requires_grad_()
    assert gate_loss(embedding, torch.zeros(2), torch.ones(1, 6, dtype=torch.bool), inside, None, 0) < 1e-6


@pytest.mark.parametrize('num_events', [0, 2])
def test_without_a_valid_step_there_is_nothing_to_learn(num_events):
    embedding = torch.randn(1, 2, 6, 4, requires_grad=True)
    nothing = torch.zeros(1, 6, max(num_events, 1), dtype=torch.bool)
    loss = gate_loss(embedding, torch.zeros(2), nothing[..., 0], nothing[..., :num_events], 3, 1)
    loss.backward()
    assert loss == 0 and not embedding.grad.any()
