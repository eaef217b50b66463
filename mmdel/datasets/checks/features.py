"""Checks of the feature files of each video: what they hold, their widths, and the lengths of a stream's parts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mmdel.datasets.checks.defects import Defect
from mmdel.datasets.checks.feature_files import FeatureName, FileFacts
from mmdel.datasets.transforms.loading import MAX_STEPS_APART
from mmdel.structures import FeatureGrid

EXPECTED = {
    'unreadable-file': 'a whole .npy, .npz, .pt or .pth file',
    'wrong-dtype': 'numbers',
    'wrong-ndim': 'an array (T, channels)',
    'empty-feature': 'an array (T >= 1, channels)',
    'not-finite': 'finite numbers',
}


@dataclass(frozen=True)
class StreamOfVideo:
    """One stream of one video: its files, and what the config and the annotations say of it.

    ``grid`` is None if the frame rate is not known, ``channels`` and ``duration_sec`` are None if not given.
    """

    video_id: str
    subset: str
    stream: str
    files: tuple[FeatureName, ...]
    grid: FeatureGrid | None
    channels: int | None
    duration_sec: float | None

    def num_steps(self, facts: Mapping[FeatureName, FileFacts]) -> int | None:
        """Steps of the shortest file; None if one is missing or broken."""
        shapes = [facts[name].shape for name in self.files if name in facts and not facts[name].problem]
        return min(shape[0] for shape in shapes if shape) if len(shapes) == len(self.files) else None

    def defect(self, kind: str, found: str, expected: str, file: str = '', severity: str = '') -> Defect:
        """A defect of this stream of this video, in one file or in all of them."""
        found, file = f'stream {self.stream!r}: {found}', file or ', '.join(path for path, _ in self.files)
        return Defect(kind, found, expected, self.video_id, file, self.subset, severity=severity)


def check_features(
    streams: Iterable[StreamOfVideo], facts: Mapping[FeatureName, FileFacts]
) -> tuple[list[Defect], dict[str, list[StreamOfVideo]]]:
    """Every defect of the files that were read; those of which there are no facts are passed over.

    Returns:
        The defects, and for each stream the videos whose files are all there and without an error.
    """
    by_stream: dict[str, list[StreamOfVideo]] = defaultdict(list)
    for item in streams:
        by_stream[item.stream].append(item)
    defects = []
    sound: dict[str, list[StreamOfVideo]] = {name: [] for name in by_stream}
    for name, items in by_stream.items():
        widths = _usual_widths(items, facts)
        for item in items:
            found = _check_files(item, facts) + _check_shapes(item, facts, widths)
            defects += found
            if item.num_steps(facts) is not None and not any(defect.severity == 'error' for defect in found):
                sound[name].append(item)
    return defects, sound


def _check_files(item: StreamOfVideo, facts: Mapping[FeatureName, FileFacts]) -> list[Defect]:
    """What each file says of itself."""
    defects = []
    for name in item.files:
        fact = facts.get(name)
        if fact is not None and fact.problem:
            defects.append(item.defect(fact.problem, fact.found, EXPECTED[fact.problem], name[0]))
        elif fact is not None and fact.constant:
            found = f'all {fact.shape[0]} steps are the same' if fact.shape else ''
            defects.append(item.defect('constant-feature', found, 'features that change', name[0]))
    return defects


def _usual_widths(items: Sequence[StreamOfVideo], facts: Mapping[FeatureName, FileFacts]) -> list[int]:
    """The width that most videos have, for each file of the stream; the config's where that is one file's."""
    if not items:
        return []
    counts: list[Counter] = [Counter() for _ in items[0].files]
    for item in items:
        for count, name in zip(counts, item.files, strict=True):
            fact = facts.get(name)
            if fact is not None and fact.shape and not fact.problem:
                count[fact.shape[1]] += 1
    if len(counts) == 1 and items[0].channels is not None:
        return [items[0].channels]
    return [count.most_common(1)[0][0] if count else 0 for count in counts]


def _check_shapes(item: StreamOfVideo, facts: Mapping[FeatureName, FileFacts], widths: Sequence[int]) -> list[Defect]:
    """Widths against the config and the other videos; the lengths of the parts against one another."""
    defects: list[Defect] = []
    lengths: list[int] = []
    for name, width in zip(item.files, widths, strict=True):
        fact = facts.get(name)
        if fact is None or fact.problem or not fact.shape:
            continue
        num_steps, num_channels = fact.shape
        lengths.append(num_steps)
        if _is_transposed(fact.shape, width, item):
            expected = f'(T, channels), here {fact.shape[::-1]}'
            return [item.defect('transposed-feature', f'an array {fact.shape}', expected, name[0])]
        if num_channels != width:
            defects.append(item.defect('wrong-width', f'{num_channels} channels', f'{width} channels', name[0]))
    if not defects and item.channels is not None and len(lengths) == len(item.files) and sum(widths) != item.channels:
        found = f'{" + ".join(map(str, widths))} = {sum(widths)} channels'
        defects.append(item.defect('wrong-width', found, f'{item.channels} channels by the config'))
    if lengths and max(lengths) - min(lengths) > MAX_STEPS_APART:
        found = f'files of {" and ".join(map(str, lengths))} steps'
        defects.append(item.defect('parts-differ', found, f'the same, to {MAX_STEPS_APART} steps'))
    return defects


def _is_transposed(shape: tuple[int, ...], width: int, item: StreamOfVideo) -> bool:
    """Whether an array is (channels, T): by its width or, if the width says nothing, by the video's duration."""
    if shape[0] == width != shape[1]:
        return True
    is_width_known = item.channels is not None and len(item.files) == 1
    if is_width_known or item.grid is None or item.duration_sec is None:
        return False
    expected = item.duration_sec / item.grid.step_sec
    return abs(shape[1] - expected) <= MAX_STEPS_APART and abs(shape[0] - expected) > 0.5 * expected
