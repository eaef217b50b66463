"""What can be wrong with a data set: every kind of problem by its name, and one problem as found.

The parser of annotations and the readers of features find problems; a training stops at the first error, and the doctor
(:mod:`mmdel.datasets.checks`) lists them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mmdel.utils.errors import UserInputError
from mmdel.utils.log import warn
from mmdel.utils.names import visible

Severity = Literal['error', 'warning', 'info']
SEVERITIES: tuple[Severity, ...] = ('error', 'warning', 'info')
Fix = Literal['', 'drop video', 'drop event', 'clip event', 'set label_id', 'keep the last']


@dataclass(frozen=True)
class Kind:
    """A kind of problem.

    Attributes:
        severity: ``error``: a training stops, or would learn or score something wrong. ``warning``: loading mends it,
            or it may be meant. ``info``: worth knowing.
        meaning: What it is and, for what loading mends, how; in one line.
        fix: What a cleaned annotation file does about it; empty if it needs a person.
    """

    severity: Severity
    meaning: str
    fix: Fix = ''


KINDS = {
    # The annotation file, found by its parser.
    'repeated-video-id': Kind('error', 'the file has two entries of one video', 'keep the last'),
    'wrong-entry': Kind('error', 'a video or an annotation that is not laid out as one', 'drop video'),
    'missing-subset': Kind('warning', 'the video names no subset, so that no loader reads it'),
    'wrong-times': Kind('error', 'the times seem to be in another unit than they are read in'),
    'empty-subset': Kind('error', 'a loader reads a subset that no video names'),
    'no-event': Kind('error', 'no video of a loader has an event that counts'),
    'missing-duration': Kind('warning', 'the video has no duration: it lasts as long as its features'),
    'wrong-duration': Kind('error', 'the duration is not a positive number of seconds', 'drop video'),
    'missing-fps': Kind('error', 'neither the video nor the stream in the config says how many frames a second has'),
    'wrong-fps': Kind('error', 'the fps is not a positive number', 'drop video'),
    'wrong-segment': Kind('error', 'the segment is not two times', 'drop event'),
    'reversed-event': Kind('warning', 'the event ends before it starts: left out', 'drop event'),
    'empty-event': Kind('warning', 'no length, or outside the video: not learned, scored as it is', 'drop event'),
    'event-beyond-video': Kind(
        'warning', 'it reaches beyond the video: clipped to learn, scored as it is', 'clip event'
    ),
    'duplicate-event': Kind('warning', 'the same segment and label twice: one is always missed', 'drop event'),
    'wrong-label': Kind('error', 'the event has no label that is a text or a whole number', 'drop event'),
    'similar-labels': Kind('warning', 'labels that differ in letter case, spaces or hyphens alone are two classes'),
    'mixed-labels': Kind('warning', 'some labels are numbers, some texts: a number counts as its text'),
    'unknown-label': Kind('error', "the label is none of the config's classes", 'drop event'),
    'no-label': Kind('error', 'no event has a label; a test takes the classes of its checkpoint'),
    'missing-label-id': Kind('error', 'other labels have a label_id, this one has none'),
    'wrong-label-id': Kind('error', 'the label_id is not a whole number >= 0', 'set label_id'),
    'label-id-clash': Kind('error', 'one label with two ids, or one id with two labels', 'set label_id'),
    'too-many-classes': Kind('error', 'more classes than the config or its model has'),
    # The feature files, found by what loads them.
    'missing-folder': Kind('error', 'the folder of a stream cannot be listed'),
    'missing-file': Kind('error', 'the feature file is not there', 'drop video'),
    'unreadable-file': Kind('error', 'the feature file is cut off, damaged or of an unknown kind', 'drop video'),
    'wrong-array': Kind('error', 'the features are no array (T, channels) of numbers', 'drop video'),
    'not-finite': Kind('error', 'NaN or infinity in the features', 'drop video'),
    'transposed-feature': Kind('error', 'the features are (channels, T)', 'drop video'),
    'wrong-width': Kind('error', 'another number of channels than the config says', 'drop video'),
    'parts-differ': Kind('error', 'the files of one stream have different lengths', 'drop video'),
    'wrong-length': Kind('error', 'the number of steps does not fit the duration', 'drop video'),
    'streams-differ': Kind('warning', 'the streams of the video cover different stretches of time'),
    # What only all videos together show.
    'widths-differ': Kind('error', 'another number of channels than most videos have', 'drop video'),
    'resized-features': Kind('error', 'the features have one length whatever the length of the video'),
    'wrong-hop': Kind('error', "the lengths of most videos contradict the stream's stride and fps in the config"),
    'different-classes': Kind('error', 'two loaders number the classes differently'),
    'unseen-class': Kind('warning', 'a class is scored that no training video shows'),
    'empty-class': Kind('info', 'a class without any event'),
    'ignored-time': Kind('info', 'where an ignored event is, nothing is learned and no prediction is wrong'),
    'unlearnable-event': Kind('warning', 'no point of the model can learn the event as it is'),
    'too-many-events': Kind('warning', 'a video has more events than the head keeps'),
    'short-epoch': Kind('warning', 'an epoch sees only a window of each long video'),
    'leak-subset': Kind('warning', 'a subset is both trained on and scored'),
    'leak-video-id': Kind('error', 'the same id, spelled differently, in two subsets', 'drop video'),
    'leak-features': Kind('error', 'the same features in two subsets', 'drop video'),
    'leak-annotations': Kind('warning', 'the same duration and events in two subsets'),
}


class ProblemError(UserInputError):
    """A problem that stops what met it."""

    def __init__(self, message: str, problem: Problem | None = None) -> None:
        super().__init__(message, *([problem] if problem else []))
        self.problem = problem

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class Problem:
    """One problem.

    Attributes:
        kind: A name of :data:`KINDS`.
        found: What is there.
        expected: What should be there.
        video_id: The video; empty if it is about no single one.
        file: The annotation file or the feature files.
        event: The event's row in what was read of the file.
        place: Where in the file it stands.
        severity: As of its kind, unless it is given.
    """

    kind: str
    found: str
    expected: str
    video_id: str = ''
    file: str = ''
    event: int | None = None
    place: str = ''
    severity: str = ''

    def __post_init__(self) -> None:
        if not self.severity:
            object.__setattr__(self, 'severity', KINDS[self.kind].severity)

    def line(self) -> str:
        """``wrong-width, video a, a.npy: 5 channels; expected 6``; control characters are shown by their codes."""
        place = [self.kind]
        place += [f'video {self.video_id}'] if self.video_id else []
        place += [part for part in (self.place, self.file) if part]
        return visible(f'{", ".join(place)}: {self.found}; expected {self.expected}')

    def error(self) -> ProblemError:
        """What to raise for it: its line."""
        return ProblemError(self.line(), self)

    def to_dict(self) -> dict[str, Any]:
        """The filled fields; ``Problem(**problem.to_dict()) == problem``."""
        return {name: value for name, value in vars(self).items() if value not in ('', None)}


def raise_first(problems: Iterable[Problem]) -> None:
    """Stop at the first error, if there is one.

    Raises:
        ProblemError: The problem's line.
    """
    for problem in problems:
        if problem.severity == 'error':
            raise problem.error()


def warn_of(problems: Iterable[Problem]) -> None:
    """One warning for each kind of the problems that are warnings."""
    groups: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        if problem.severity == 'warning':
            groups.setdefault((problem.file, problem.kind), []).append(problem)
    for (file, kind), group in groups.items():
        videos = some_of(list(dict.fromkeys(problem.video_id for problem in group if problem.video_id)))
        number = f'{len(group)} times' + (f' (videos {videos})' if videos else '')
        message = f'{file}: {kind}, {number}: {KINDS[kind].meaning}; e.g. {group[0].found}'
        warn(visible(message))


def some_of(names: Sequence[str], num: int = 3) -> str:
    """The first few names, for a message."""
    return ', '.join(map(visible, names[:num])) + (', …' if len(names) > num else '')


def short(value: Any) -> str:
    """A value for a message, not too long."""
    text = repr(value)
    return text if len(text) <= 60 else f'{text[:57]}...'
