"""Actions of EPIC-Kitchens-100, pairs of a verb and a noun, from files that are about verbs or nouns alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from mmdel.evaluation.functional.event_tables import segment_iou
from mmdel.evaluation.result_file import number_classes
from mmdel.utils.errors import UserInputError

MIN_TIOU = 0.5
SAME_SEC = 1e-3


def join_annotations(verbs: dict[str, dict], nouns: dict[str, dict]) -> dict[str, dict]:
    """The ``database`` of verbs and that of nouns as one, whose annotations have a ``verb`` and a ``noun``.

    Raises:
        UserInputError: If they are not about the same videos, or a video's events are not at the same times.
    """
    if verbs.keys() != nouns.keys():
        other = sorted(verbs.keys() ^ nouns.keys())
        raise UserInputError(f'{len(other)} videos are annotated with verbs or nouns alone, e.g. {other[0]}')
    database = {}
    for video_id, entry in verbs.items():
        pairs = [_by_time(side[video_id].get('annotations') or (), video_id) for side in (verbs, nouns)]
        times = [np.array([event['segment'] for event in events], dtype=float).reshape(-1, 2) for events in pairs]
        if times[0].shape != times[1].shape or (np.abs(times[0] - times[1]) > SAME_SEC).any():
            raise UserInputError(
                f'video {video_id}: the events with verbs and those with nouns are not at the same times'
            )
        joined = [
            dict(segment=verb['segment'], verb=verb.get('label'), noun=noun.get('label'))
            for verb, noun in zip(*pairs, strict=True)
        ]
        database[video_id] = {**entry, 'annotations': joined}
    return database


def _by_time(events: Sequence[dict], video_id: str) -> list[dict]:
    try:
        return sorted(events, key=lambda event: tuple(map(float, event['segment'])))
    except (KeyError, TypeError, ValueError) as error:
        raise UserInputError(f'video {video_id}: an annotation has no segment of two numbers') from error


def name_labels(results: dict[str, list], task: str, classes: Sequence[str]) -> dict[str, list]:
    """Results whose ``label`` is a verb or noun, with it as the field ``task``; a class number becomes its name."""
    numbers = number_classes(classes)

    def name(entry: object) -> object:
        if not isinstance(entry, dict):
            return entry
        label = entry.get('label')
        number = numbers.get(label) if isinstance(label, str | int) and not isinstance(label, bool) else None
        return {**entry, task: label if number is None else classes[number]}

    return {video_id: [name(entry) for entry in entries] for video_id, entries in results.items()}


def join_results(
    verbs: dict[str, list], nouns: dict[str, list], actions: Collection[tuple[str, str]], max_num: int = 2000
) -> dict[str, list]:
    """Detections of verbs and of nouns → of actions.

    A verb and a noun whose segments have a tIoU of at least 0.5 make an action, if it is one of ``actions``. Its score
    is the product of theirs and the tIoU, its segment their mean, weighted by their scores. The ``max_num`` best of
    a video are kept.

    Args:
        verbs: Video id → detections with ``segment``, ``verb`` and ``score``.
        nouns: Video id → detections with ``segment``, ``noun`` and ``score``.
        actions: The (verb, noun) pairs that there are.
        max_num: Most actions of a video.

    Raises:
        UserInputError: If a detection lacks a field or its numbers are none.
    """
    verb_names, noun_names = (sorted({pair[side] for pair in actions}) for side in (0, 1))
    allowed = np.zeros((len(verb_names), len(noun_names)), dtype=bool)
    for verb, noun in actions:
        allowed[verb_names.index(verb), noun_names.index(noun)] = True
    joined = {}
    for video_id in (name for name in verbs if name in nouns):
        verb_labels, verb_times, verb_scores = _table(verbs[video_id], 'verb', verb_names, video_id)
        noun_labels, noun_times, noun_scores = _table(nouns[video_id], 'noun', noun_names, video_id)
        tiou = segment_iou(verb_times[:, None], noun_times[None])  # (V, N)
        v, n = np.nonzero((tiou >= MIN_TIOU) & allowed[verb_labels[:, None], noun_labels])
        scores = verb_scores[v] * noun_scores[n] * tiou[v, n]
        best = np.argsort(-scores, kind='stable')[:max_num]
        v, n, scores = v[best], n[best], scores[best]
        share = (verb_scores[v] / np.maximum(verb_scores[v] + noun_scores[n], np.finfo(float).tiny))[:, None]
        times = share * verb_times[v] + (1 - share) * noun_times[n]
        joined[video_id] = [
            dict(segment=segment, verb=verb_names[i], noun=noun_names[j], score=score)
            for segment, i, j, score in zip(
                times.tolist(), verb_labels[v], noun_labels[n], scores.tolist(), strict=True
            )
        ]
    return joined


def _table(
    entries: Sequence[dict], task: str, names: list[str], video_id: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels (K,), segments (K, 2) and scores (K,) of the detections that may be part of an action."""
    places = {name: place for place, name in enumerate(names)}
    try:
        kept = [entry for entry in entries if entry[task] in places]
        labels = np.array([places[entry[task]] for entry in kept], dtype=np.int64)
        times = np.array([entry['segment'] for entry in kept], dtype=float).reshape(-1, 2)
        scores = np.array([entry['score'] for entry in kept], dtype=float)
    except (KeyError, TypeError, ValueError) as error:
        raise UserInputError(
            f'video {video_id}: a prediction must have a segment (start, end), a {task} and a score'
        ) from error
    valid = np.isfinite(times).all(axis=1) & (times[:, 0] <= times[:, 1]) & np.isfinite(scores)
    return labels[valid], times[valid], scores[valid]
