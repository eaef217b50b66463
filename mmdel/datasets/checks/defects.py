"""What can be wrong with a data set: every kind of defect by its name, and one defect as found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal['error', 'warning', 'info']
SEVERITIES: tuple[Severity, ...] = ('error', 'warning', 'info')
Fix = Literal['', 'drop video', 'drop event', 'clip event', 'set label_id', 'keep the last']


@dataclass(frozen=True)
class Kind:
    """A kind of defect.

    Attributes:
        severity: ``error``: the data set does not load, or is learned or scored wrongly. ``warning``: loading copes
            with it, or it may be meant. ``info``: worth knowing.
        meaning: What it is, in one line.
        fix: What a cleaned annotation file does about it; empty if it needs a person.
    """

    severity: Severity
    meaning: str
    fix: Fix = ''


KINDS = {
    # The annotation file.
    'repeated-video-id': Kind(
        'error', 'the file has two entries of one id; reading it keeps the last', 'keep the last'
    ),
    'wrong-entry': Kind('error', 'a video or an annotation that is not laid out as one', 'drop video'),
    'missing-subset': Kind('error', 'the video names no subset, so that no loader reads it', 'drop video'),
    'empty-subset': Kind('error', 'a loader reads a subset that no video names'),
    'missing-duration': Kind('warning', 'the video has no duration; it is taken to last as long as its features'),
    'wrong-duration': Kind('error', 'the duration is not a positive number', 'drop video'),
    'missing-fps': Kind('error', 'neither the video nor the stream says how many frames a second has', 'drop video'),
    'wrong-fps': Kind('error', 'the fps is not a positive number', 'drop video'),
    'wrong-segment': Kind('error', 'the segment is not two finite numbers', 'drop event'),
    'reversed-event': Kind('error', 'the event ends before it starts', 'drop event'),
    'zero-length-event': Kind('error', 'the event ends where it starts', 'drop event'),
    'event-outside-video': Kind('error', 'no part of the event lies in the video', 'drop event'),
    'event-beyond-video': Kind('warning', 'the event reaches beyond the video; training clips it', 'clip event'),
    'duplicate-event': Kind('error', 'the same segment and label twice: scored as missed, learned twice', 'drop event'),
    'missing-label': Kind('error', 'the event has no label', 'drop event'),
    'unknown-label': Kind('error', 'the label is none of the classes', 'drop event'),
    'missing-label-id': Kind('error', 'other labels have a label_id, this one has none'),
    'wrong-label-id': Kind('error', 'the label_id is not a whole number >= 0', 'set label_id'),
    'label-id-clash': Kind('error', 'one label with two ids, or one id with two labels', 'set label_id'),
    'too-many-classes': Kind('error', 'more classes than the config or its model has'),
    'different-classes': Kind('error', 'two loaders number the classes differently'),
    'unseen-class': Kind('warning', 'a class is scored that no training video shows'),
    'empty-class': Kind('info', 'a class without any event'),
    # The feature files.
    'missing-folder': Kind('error', 'the folder of a stream cannot be listed'),
    'missing-file': Kind('error', 'the feature file is not there', 'drop video'),
    'unreadable-file': Kind('error', 'the feature file is cut off, damaged or of an unknown kind', 'drop video'),
    'wrong-dtype': Kind('error', 'the features are not numbers', 'drop video'),
    'wrong-ndim': Kind('error', 'the features are not an array (T, channels)', 'drop video'),
    'empty-feature': Kind('error', 'the features have no step or no channel', 'drop video'),
    'not-finite': Kind('error', 'NaN or infinity in the features', 'drop video'),
    'constant-feature': Kind('warning', 'every step is the same, e.g. a video without sound'),
    'transposed-feature': Kind('error', 'the features are (channels, T)', 'drop video'),
    'wrong-width': Kind('error', 'another number of channels than the config or the other videos', 'drop video'),
    'parts-differ': Kind('error', 'the files of one stream have different lengths', 'drop video'),
    'wrong-length': Kind('error', 'the number of steps does not fit the duration', 'drop video'),
    'wrong-hop': Kind('error', "the lengths of most videos contradict the stream's stride and fps in the config"),
    'streams-differ': Kind('warning', 'the streams of the video cover different stretches of time'),
    'unnamed-file': Kind('info', 'a feature file of no annotated video'),
    # Between subsets.
    'leak-subset': Kind('warning', 'a subset is both trained on and scored'),
    'leak-video-id': Kind('error', 'the same id, spelled differently, in two subsets', 'drop video'),
    'leak-features': Kind('error', 'the same features in two subsets', 'drop video'),
    'leak-annotations': Kind('warning', 'the same duration and events in two subsets'),
    'repeated-features': Kind('warning', 'the same features twice in one subset'),
}


@dataclass(frozen=True)
class Defect:
    """One defect.

    Attributes:
        kind: A name of :data:`KINDS`.
        found: What is there.
        expected: What should be there.
        video_id: The video; empty if it is about no single one.
        file: The annotation file or the feature file.
        subset: The video's subset.
        event: Which of the video's annotations, from 0.
        severity: As of its kind, unless it is given.
    """

    kind: str
    found: str
    expected: str
    video_id: str = ''
    file: str = ''
    subset: str = ''
    event: int | None = None
    severity: str = ''

    def __post_init__(self) -> None:
        if not self.severity:
            object.__setattr__(self, 'severity', KINDS[self.kind].severity)

    def line(self) -> str:
        """``error wrong-width, video a, a.npy: 5 channels; expected 6``."""
        place = [f'{self.severity} {self.kind}']
        place += [f'video {self.video_id}'] if self.video_id else []
        place += [f'event {self.event}'] if self.event is not None else []
        place += [self.file] if self.file else []
        return f'{", ".join(place)}: {self.found}; expected {self.expected}'

    def to_dict(self) -> dict[str, Any]:
        """The filled fields; ``Defect(**defect.to_dict()) == defect``."""
        return {name: value for name, value in vars(self).items() if value not in ('', None)}
