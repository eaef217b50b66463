"""The score from which on a detector's events are worth showing: that of the best F1 on validation videos."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.logging import print_log

from mmdel.datasets.event_dataset import EventDataset
from mmdel.datasets.from_config import find_unread
from mmdel.evaluation.functional import GroundTruth, Predictions, match_predictions
from mmdel.inference.bundle import Bundle
from mmdel.inference.event_inferencer import EventInferencer
from mmdel.runtime.reading import Input
from mmdel.utils.errors import UserInputError

TIOU = 0.5
MAX_VIDEOS = 200


def validation_score(bundle: Bundle, cfg: Config) -> tuple[float, float] | None:
    """The score with the best F1 on the videos that a config validates with, and that F1 in [0, 1].

    Of many videos a number of evenly chosen ones is looked at. A hit is an event of the right class and a tIoU of at
    least :data:`TIOU`, each event by one prediction.

    Returns:
        None if the config validates with nothing, or its annotations or features are not there, which is logged.
    """
    if not cfg.get('val_dataloader'):
        return None
    try:
        _, dataset = find_unread(cfg, 'val')
        if not Path(dataset.ann_file).is_file():
            raise UserInputError(f'there is no {dataset.ann_file}')
        dataset.full_init()
        return best_score(bundle, dataset)
    except UserInputError as error:
        reason = str(error).split('\n')[0]
        print_log(f'no score threshold from validation videos: {reason}', level=logging.WARNING)
        return None


def best_score(bundle: Bundle, dataset: EventDataset) -> tuple[float, float] | None:
    """The score with the best F1 on a data set, and that F1; None if nothing is found or there is nothing to find.

    Raises:
        UserInputError: If a video's features cannot be read.
    """
    places = np.unique(np.linspace(0, len(dataset) - 1, min(len(dataset), MAX_VIDEOS)).round().astype(int))
    records = [dataset.get_data_info(int(place)) for place in places]
    inputs = [_input(record) for record in records]
    found = []
    for detection in EventInferencer(bundle, score_thr=0.0, amp='off')(inputs):  # the same on every machine
        if detection.error:
            raise UserInputError(detection.error)
        found.append(detection.events)
    counts = [len(events) for events in found]
    predictions = Predictions(
        np.repeat(np.arange(len(found)), counts),
        np.concatenate([events.label_index for events in found]),
        np.concatenate([np.stack([events.start_sec, events.end_sec], axis=1) for events in found]),
        np.concatenate([events.scores for events in found]),
    )
    truth = _truth(records, bundle)
    if truth.ignored.all() or not len(predictions.scores):
        return None
    matches = match_predictions(truth, predictions, [TIOU])
    order = matches.order
    hits, wrong = (x[0, order].cumsum() for x in (matches.true_positive, matches.false_positive))
    f1 = 2 * hits / np.maximum(hits + wrong + (~truth.ignored).sum(), 1)
    best = int(f1.argmax())
    return float(predictions.scores[order[best]]), float(f1[best])


def _input(record: dict) -> Input:
    """The features of a record."""
    features = {name: list(stream['files']) for name, stream in record['streams'].items()}
    return Input(record['video_id'], record['video_id'], features, record['duration_sec'])


def _truth(records: list[dict], bundle: Bundle) -> GroundTruth:
    """The true events, with the labels numbered as the model's outputs; those of other classes do not count."""
    numbers = {name: place for place, name in enumerate(bundle.classes)}
    one = len(bundle.classes) == 1
    labels = [
        0 if one and label >= 0 else numbers.get(record['classes'][label], -1) if label >= 0 else -1
        for record in records
        for label in record['labels'].tolist()
    ]
    ignored = np.concatenate([record['ignored'] for record in records])
    return GroundTruth(
        np.repeat(np.arange(len(records)), [len(record['labels']) for record in records]),
        np.array(labels, dtype=np.int64),
        np.concatenate([record['segments_sec'] for record in records]).reshape(-1, 2),
        ignored | (np.array(labels) < 0),
    )
