"""What a report shows: the events of all videos, which prediction found which event, and the summary.

V videos, N true events, P predictions, T tIoU thresholds, C classes. Columns of numbers are texts of base64, by which a
report of half a million predictions stays small and opens at once.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from importlib.metadata import version
from typing import Any

import numpy as np

from mmdel.evaluation.functional import (
    GroundTruth,
    Predictions,
    average_precision,
    check_tious,
    match_predictions,
)
from mmdel.events import Events, Video
from mmdel.utils.log import warn

TIOUS = (0.3, 0.5, 0.7)  # that a reader may choose from, besides the one asked for
UNMATCHED, NEUTRAL = -1, -2


def report_content(
    events: Events,
    truth: Events | None,
    title: str,
    score_thr: float,
    tiou: float,
    provenance: Mapping[str, Any],
) -> dict[str, Any]:
    """The content of a report, ready for JSON; that of each video's media is added by the caller.

    Taking turns by score, a prediction never cares for those of a lower score. So one matching serves every score
    threshold: what is below it is left out, and a true event is found if the prediction that took it is not.

    Args:
        events: Predictions with scores, or events alone.
        truth: The true events, of these videos or others too; one without a label is ignored. A video that it does
            not name is not judged.
        title: Of the page.
        score_thr: The score from which on predictions are shown at first.
        tiou: The tIoU from which on a prediction is a hit at first.
        provenance: What is known of the model, by name.

    Raises:
        ValueError: If ``tiou`` is not in (0, 1].
    """
    tious = check_tious(sorted({*TIOUS, round(tiou, 10)}))
    if events.scores is not None:
        events = _scored(events)
    videos: dict[str, Video] = {}
    for video in (*(truth.videos if truth else ()), *events.videos):  # what the truth says of a video goes first
        known = videos.setdefault(video.video_id, video)
        if known.duration_sec is None:
            videos[video.video_id] = replace(known, duration_sec=video.duration_sec)
    tables = [events] if truth is None else [truth, events]
    names = sorted({table.labels[k] for table in tables for k in np.unique(table.label_index[table.label_index >= 0])})
    judged = None if truth is None else set(truth.video_ids)
    content: dict[str, Any] = dict(
        title=title,
        date=datetime.now().strftime('%Y-%m-%d %H:%M'),
        mmdel=version('mmdel'),
        provenance={str(name): str(value) for name, value in provenance.items()},
        labels=names,
        tious=tious.tolist(),
        tiou=int(np.argmin(np.abs(tious - tiou))),
        score_thr=score_thr,
        videos=[_video(video, judged is not None and video.video_id in judged) for video in videos.values()],
    )
    places = {name: place for place, name in enumerate(videos)}
    number = {name: place for place, name in enumerate(names)}
    predicted, true = _arrays(events, places, number), _arrays(truth or Events(), places, number)
    if truth is not None:
        predicted.setdefault('score', np.zeros(0))  # there are none
        is_judged = np.array([video['judged'] for video in content['videos']] or [False], dtype=bool)
        content |= _match(true, predicted, is_judged[predicted['video']], tious, len(names))
    return content | dict(truth=_columns(true, len(videos)), predicted=_columns(predicted, len(videos)))


def _video(video: Video, judged: bool) -> dict[str, Any]:
    return dict(id=video.video_id, duration=video.duration_sec, subset=video.subset, judged=judged)


def _scored(events: Events) -> Events:
    """The predictions that have a score; a warning tells if some have none."""
    lacking = np.isnan(events.scores)  # type: ignore[arg-type]
    if lacking.any():
        message = f'left out of the report: {lacking.sum()} of {len(events)} predictions, which have no score'
        warn(message)
    return events[~lacking]


def _arrays(events: Events, places: Mapping[str, int], number: Mapping[str, int]) -> dict[str, np.ndarray]:
    """The columns of a table, video by video; a label's number is -1 where there is none.

    Within a video the order stays: of two true events that overlap a prediction equally, the first is taken.
    """
    video_of = np.array([places[name] for name in events.video_ids] + [0], dtype=np.int64)
    label_of = np.array([number.get(name, -1) for name in events.labels] + [-1], dtype=np.int64)
    columns = dict(
        video=video_of[events.video_index],
        label=label_of[events.label_index],
        start=events.start_sec,
        end=events.end_sec,
    )
    if events.scores is not None:
        columns['score'] = events.scores
    order = np.argsort(columns['video'], kind='stable')
    return {name: column[order] for name, column in columns.items()}


def _match(
    true: dict[str, np.ndarray],
    predicted: dict[str, np.ndarray],
    judged: np.ndarray,
    tious: np.ndarray,
    num_labels: int,
) -> dict[str, Any]:
    """Which true event each prediction took, and the average precision of each class, if any event counts.

    Args:
        true: Columns of N events.
        predicted: Columns of P predictions.
        judged: (P,) bool: those of videos that the truth names.
        tious: (T,).
        num_labels: C; predictions without a label are of a class behind these.

    Returns:
        ``matches``, T columns (P,): the place of the event, :data:`UNMATCHED`, or :data:`NEUTRAL` for what does not
        count; ``ap`` [T][C], None for a class without truth.
    """
    segments = [np.stack([columns['start'], columns['end']], axis=1) for columns in (true, predicted)]
    labels = np.where(predicted['label'] < 0, num_labels, predicted['label'])
    truth = GroundTruth(true['video'], true['label'], segments[0], true['label'] < 0)
    predictions = Predictions(predicted['video'], labels, segments[1], predicted['score']).select(judged)
    matches = match_predictions(truth, predictions, tious.tolist())
    taken = np.full((len(tious), len(judged)), UNMATCHED)
    taken[:, judged] = np.where((matches.matched_truth < 0) & matches.neutral, NEUTRAL, matches.matched_truth)
    content: dict[str, Any] = dict(matches=[_base64(row, '<i4') for row in taken])
    if not truth.ignored.all():
        ap = average_precision(truth, predictions, tious.tolist(), num_labels + 1, matches)[:, :num_labels]
        content['ap'] = [[None if np.isnan(x) else round(float(x), 6) for x in row] for row in ap]
    return content


def _columns(columns: dict[str, np.ndarray], num_videos: int) -> dict[str, str]:
    """As texts; ``begin`` (V + 1,) says where the events of a video begin."""
    begin = np.searchsorted(columns['video'], np.arange(num_videos + 1))
    texts = dict(begin=_base64(begin, '<i4'), label=_base64(columns['label'], '<i4'))
    return texts | {name: _base64(columns[name], '<f8') for name in ('start', 'end', 'score') if name in columns}


def _base64(values: np.ndarray, dtype: str) -> str:
    return b64encode(np.ascontiguousarray(values, dtype=dtype).tobytes()).decode()
