import numpy as np
import pytest
from tiny_bundle import CLASSES, make_bundle, random_features

from mmdel.inference import EventInferencer
from mmdel.inference.threshold import best_score


class Records:
    """A data set of these records."""

    def __init__(self, records):
        self.records = records

    def __len__(self):
        return len(self.records)

    def get_data_info(self, place):
        return self.records[place]


def tiou(a, b):
    return max(min(a[1], b[1]) - max(a[0], b[0]), 0) / (max(a[1], b[1]) - min(a[0], b[0]))


def f1_at(score, found, truth):
    """By hand: each prediction of that score or more, the best first, takes the event it overlaps most."""
    hits = num = 0
    for events, true in zip(found, truth, strict=True):
        left = list(true)
        for event in sorted(events, key=lambda event: -event.score):
            if event.score >= score:
                num += 1
                fitting = [
                    (tiou((event.start_sec, event.end_sec), other[:2]), other)
                    for other in left
                    if other[2] == event.label
                ]
                best = max(fitting, default=(0, None))
                if best[0] >= 0.5:
                    hits += 1
                    left.remove(best[1])
    return 2 * hits / (num + sum(map(len, truth)))


@pytest.mark.parametrize('seed', [0, 1])
def test_it_is_the_best_of_all_scores(tmp_path, seed):
    bundle, rng = make_bundle(seed), np.random.default_rng(seed)
    videos = [dict(random_features(25, n), video_id=f'v{n}') for n in range(4)]
    found = [[*detection.events] for detection in EventInferencer(bundle, score_thr=0.0, amp='off')(videos)]
    truth, records = [], []
    for video, events in zip(videos, found, strict=True):
        files = {}
        for name in ('visual', 'audio'):
            files[name] = str(tmp_path / f'{video["video_id"]}_{name}.npy')
            np.save(files[name], video[name])
        ranked = sorted(events, key=lambda event: -event.score)
        chosen = [ranked[place] for place in sorted(rng.choice(12, 5, replace=False))]
        true = [(event.start_sec + 0.05, event.end_sec + 0.05, event.label) for event in chosen]
        truth.append(true)
        records.append(
            dict(
                video_id=video['video_id'],
                duration_sec=25.0,
                streams={name: dict(files=[path]) for name, path in files.items()},
                classes=CLASSES[::-1],  # numbered otherwise than the model's outputs
                segments_sec=np.array([row[:2] for row in true]),
                labels=np.array([CLASSES[::-1].index(row[2]) for row in true]),
                ignored=np.zeros(len(true), bool),
            )
        )
    score, f1 = best_score(bundle, Records(records))
    every = {event.score: f1_at(event.score, found, truth) for events in found for event in events}
    assert f1 == pytest.approx(max(every.values())) and every[score] == pytest.approx(f1)
    assert 0.2 < f1 < 1


def test_nothing_to_find_gives_no_score(tmp_path):
    features = random_features(10)
    for name, feature in features.items():
        np.save(tmp_path / f'{name}.npy', feature)
    record = dict(
        video_id='v',
        duration_sec=10.0,
        streams={name: dict(files=[str(tmp_path / f'{name}.npy')]) for name in features},
        classes=CLASSES,
        segments_sec=np.zeros((0, 2)),
        labels=np.zeros(0, np.int64),
        ignored=np.zeros(0, bool),
    )
    assert best_score(make_bundle(), Records([record])) is None
