"""Suppression and average precision in plain Python, one candidate at a time.

Slow and plain on purpose: what the tests compare the batched code with, and what the benchmark measures it against.
"""

from __future__ import annotations

import math


def plain_iou(a, b):
    """tIoU of two (start, end) pairs."""
    intersection = max(0.0, min(a[1], b[1]) - max(a[0], b[0]))
    union = max(0.0, a[1] - a[0]) + max(0.0, b[1] - b[0]) - intersection
    return intersection / union if union > 0 else 0.0


def plain_nms(candidates, method, sigma, iou_threshold, min_score, max_num, class_aware, voting_threshold):
    """What ``SegmentNMS`` does to one video, given as a list of (segment, score, label)."""
    groups = {}
    for rank, (segment, score, label) in enumerate(sorted(candidates, key=lambda c: -c[1])):
        if score > 0:
            groups.setdefault(label if class_aware else 0, []).append([segment, score, label, rank, score])
    kept = []
    for group in groups.values():
        remaining = [list(c) for c in group if c[1] >= min_score]
        while remaining:
            best = max(remaining, key=lambda c: (c[1], -c[3]))
            remaining.remove(best)
            kept.append((_plain_vote(best[0], group, voting_threshold), best[1], best[2], best[3]))
            for other in remaining:
                other[1] *= _plain_weight(plain_iou(best[0], other[0]), method, sigma, iou_threshold)
            remaining = [c for c in remaining if c[1] >= min_score and c[1] > 0]
    return [c[:3] for c in sorted(kept, key=lambda c: (-c[1], c[3]))[:max_num]]


def _plain_weight(iou, method, sigma, iou_threshold):
    if method == 'soft_gaussian':
        return math.exp(-iou * iou / sigma)
    if method is None or iou < iou_threshold:
        return 1.0
    return 1 - iou if method == 'soft_linear' else 0.0


def _plain_vote(segment, group, voting_threshold):
    if voting_threshold is None:
        return segment
    voters = [c for c in group if plain_iou(segment, c[0]) >= voting_threshold]
    total = sum(c[4] for c in voters)
    return tuple(sum(c[4] * c[0][k] for c in voters) / total for k in (0, 1)) if total > 0 else segment


def plain_average_precision(truth, predictions, tious, num_classes):
    """What ``average_precision`` computes: a list over the thresholds of lists over the classes, NaN without truth.

    Args:
        truth: List of (video, label, start, end, ignored).
        predictions: List of (video, label, start, end, score).
    """
    return [[_plain_class_ap(truth, predictions, tiou, label) for label in range(num_classes)] for tiou in tious]


def plain_matches(truth, predictions, tiou, label):
    """(score order, hit) of the predictions of one class: True, False, or None if it counts neither way."""
    free, ignored = {}, {}
    for place, (video, true_label, start, end, is_ignored) in enumerate(truth):
        if is_ignored and true_label in (label, -1):
            ignored.setdefault(video, []).append((start, end))
        elif not is_ignored and true_label == label:
            free.setdefault(video, {})[place] = (start, end)
    hits = []
    ordered = sorted((p for p in predictions if p[1] == label), key=lambda p: (-p[4], p[0], p[2], p[3]))
    for video, _, start, end, _ in ordered:
        best, best_iou = None, 0.0
        for place, segment in free.get(video, {}).items():
            iou = plain_iou((start, end), segment)
            if iou >= tiou and iou > best_iou:
                best, best_iou = place, iou
        if best is not None:
            del free[video][best]
            hits.append(True)
        else:
            hits.append(None if any(plain_iou((start, end), s) > 0 for s in ignored.get(video, ())) else False)
    return hits


def _plain_class_ap(truth, predictions, tiou, label):
    num_true = sum(1 for event in truth if event[1] == label and not event[4])
    if not num_true:
        return math.nan
    precisions, recalls, num_hits, num_seen = [], [], 0, 0
    for hit in plain_matches(truth, predictions, tiou, label):
        if hit is None:
            continue
        num_seen += 1
        num_hits += hit
        precisions.append(num_hits / num_seen)
        recalls.append(num_hits / num_true)
    ap, last_recall, best_from_here = 0.0, 0.0, list(precisions)
    for k in range(len(precisions) - 2, -1, -1):
        best_from_here[k] = max(best_from_here[k], best_from_here[k + 1])
    for precision, recall in zip(best_from_here, recalls, strict=True):
        ap += (recall - last_recall) * precision
        last_recall = recall
    return ap
