"""Actions of EPIC-Kitchens-100, pairs of a verb and a noun, from files that are about verbs or nouns alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmdel.evaluation.functional.event_tables import Predictions
from mmdel.utils.errors import UserInputError
from mmdel.utils.segments import segment_iou

MIN_TIOU = 0.5
SAME_SEC = 1e-3


def join_records(
    verbs: Sequence[dict[str, Any]], nouns: Sequence[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[tuple[int, int]]]:
    """The videos with events of verbs and those with events of nouns → with events of actions.

    Args:
        verbs: Records with ``video_id``, ``segments_sec`` (N, 2), ``labels`` (N,) and ``ignored`` (N,).
        nouns: The same for nouns, in any order.

    Returns:
        The records of the actions, in the order of the verbs; and of each action the numbers of its verb and its noun.
        An event whose verb or noun is ignored is an ignored action.

    Raises:
        UserInputError: If they are not about the same videos, or a video's events are not at the same times.
    """
    noun_of = {record['video_id']: record for record in nouns}
    other = {record['video_id'] for record in verbs} ^ noun_of.keys()
    if other:
        raise UserInputError(f'{len(other)} videos are annotated with verbs or nouns alone, e.g. {min(other)}')
    joined, actions = [], dict[tuple[int, int], int]()
    for verb in verbs:
        sides = [_by_time(record) for record in (verb, noun_of[verb['video_id']])]
        times, other_times = (record['segments_sec'] for record in sides)
        if times.shape != other_times.shape or (np.abs(times - other_times) > SAME_SEC).any():
            raise UserInputError(
                f'video {verb["video_id"]}: the events with verbs and those with nouns are not at the same times'
            )
        ignored = sides[0]['ignored'] | sides[1]['ignored']
        pairs = zip(sides[0]['labels'].tolist(), sides[1]['labels'].tolist(), ignored, strict=True)
        labels = [-1 if skip else actions.setdefault((v, n), len(actions)) for v, n, skip in pairs]
        joined.append({**sides[0], 'labels': np.array(labels, dtype=np.int64), 'ignored': ignored})
    return joined, list(actions)


def _by_time(record: dict[str, Any]) -> dict[str, Any]:
    order = np.lexsort(record['segments_sec'].T[::-1])
    return {**record, **{key: record[key][order] for key in ('segments_sec', 'labels', 'ignored')}}


def join_predictions(
    verbs: Predictions, nouns: Predictions, actions: Sequence[tuple[int, int]], max_num: int = 2000
) -> Predictions:
    """Predictions of verbs and of nouns → of actions, whose labels are places in ``actions``.

    A verb and a noun of a video whose segments have a tIoU of at least 0.5 make an action, if it is one of ``actions``.
    Its score is the product of theirs and the tIoU, its segment their mean, weighted by their scores. The ``max_num``
    best of a video are kept.

    Args:
        verbs: Predictions whose labels are verbs.
        nouns: Predictions of the same videos whose labels are nouns.
        actions: The numbers of verb and noun of each action.
        max_num: Most actions of a video.
    """
    pairs = np.array(actions, dtype=np.int64).reshape(-1, 2)
    highest = np.maximum(pairs.max(axis=0, initial=0), [verbs.labels.max(initial=0), nouns.labels.max(initial=0)])
    label_of = np.full(highest + 1, -1)
    label_of[pairs[:, 0], pairs[:, 1]] = np.arange(len(pairs))
    joined = [np.zeros((0, 5))]
    for video in np.intersect1d(verbs.videos, nouns.videos):
        verb, noun = verbs.select(verbs.videos == video), nouns.select(nouns.videos == video)
        tiou = segment_iou(verb.segments[:, None], noun.segments[None])  # (V, N)
        labels = label_of[verb.labels[:, None], noun.labels]
        v, n = np.nonzero((tiou >= MIN_TIOU) & (labels >= 0))
        scores = verb.scores[v] * noun.scores[n] * tiou[v, n]
        best = np.argsort(-scores, kind='stable')[:max_num]
        v, n, scores = v[best], n[best], scores[best]
        share = (verb.scores[v] / np.maximum(verb.scores[v] + noun.scores[n], np.finfo(float).tiny))[:, None]
        times = share * verb.segments[v] + (1 - share) * noun.segments[n]
        joined.append(np.column_stack([np.full(len(v), video), labels[v, n], times, scores]))
    table = np.concatenate(joined)
    return Predictions(table[:, 0], table[:, 1], table[:, 2:4], table[:, 4])
