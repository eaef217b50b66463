"""Curves and pictures of a training, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mmdel.visualization.training_pictures import (
    draw_event_masks,
    draw_precision_recall,
    draw_scores,
    has_truth,
    to_image,
)


def video(true, predicted, scores):
    return dict(
        true_segments=np.array(true, float).reshape(-1, 2),
        true_labels=np.zeros(len(true), int),
        ignored=np.zeros(len(true), bool),
        segments=np.array(predicted, float).reshape(-1, 2),
        labels=np.zeros(len(predicted), int),
        scores=np.array(scores, float),
    )


def test_the_curve_is_precision_over_recall():
    videos = [video([(0, 2), (4, 6)], [(0, 2), (8, 9)], [0.9, 0.8]), video([(1, 2)], [(1, 2)], [0.7])]
    assert has_truth(videos) and not has_truth([video([], [(0, 1)], [0.5])])
    figure = draw_precision_recall(videos, [0.5, 0.7])
    for line in figure.axes[0].get_lines():
        recall, precision = line.get_data()
        assert recall == pytest.approx([1 / 3, 1 / 3, 2 / 3]) and precision == pytest.approx([1, 1 / 2, 2 / 3])


def test_scores_and_truth_lie_at_their_times():
    times = np.arange(10) + 0.5
    scores = dict(_a=np.linspace(0, 1, 10), b=np.full(10, 0.5))
    figure = draw_scores(scores, times, np.array([[2.0, 4.0]]), 10.0, 'v')
    (axes,) = figure.axes
    assert [list(line.get_data()[1]) for line in axes.get_lines()] == [list(values) for values in scores.values()]
    assert [(patch.get_x(), patch.get_width()) for patch in axes.patches] == [(2.0, 2.0)]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ['_a', 'b']


def test_a_mask_is_drawn_for_each_block_with_the_times_of_its_steps():
    masks = [np.eye(8), np.full((8, 8), 0.5)]
    figure = draw_event_masks(masks, ['visual', 'audio'], np.array([0.0, 10, 20, 30]), 'v')
    panels = figure.axes[: len(masks)]
    for axes, mask in zip(panels, masks, strict=True):
        shown = axes.images[0].get_array()
        assert np.array_equal(shown.filled(0), mask) and shown.mask.sum() == (mask == 0).sum()
        assert axes.images[0].get_clim() == (0.5, 1)
    assert [tick.get_text() for tick in panels[0].get_xticklabels()] == ['0', '10', '20'] * 2
    image = to_image(figure)
    assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3 and image.std() > 10
