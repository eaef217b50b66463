"""TextGrids of Praat: tiers of intervals that follow one another.

Praat reads the numbers, quoted texts and flags that stand free, and nothing else: so the long and the short form are
one. The format is described at https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mmdel.events.events import Events
from mmdel.events.formats import NO, SURELY, Format
from mmdel.events.formats.one_video import check_texts, chosen_tiers, head, spans, tiers
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source
from mmdel.events.times import to_seconds
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import written_whole

FORMAT = Format(
    name='textgrid',
    title='Praat TextGrid',
    suffixes=('.TextGrid',),
    keeps=frozenset({'duration', 'empty'}),
    per_video=True,
    note='Long and short form. `tier=` says which tiers are read. Intervals without a text are gaps, points are left '
    'out. Written: the long form, a tier a label, more where events overlap; it lasts at least as long as its events.',
)
TICKS_HZ = 1_000_000
UNMEASURED = '! The sound may be longer: its duration was not known.'  # a comment to Praat
TOKEN = re.compile(
    r'"(?P<text>[^"]*(?:""[^"]*)*)"|(?P<open>")|(?<!\S)(?:<(?P<flag>\w+)>|(?P<number>[-+]?\d[-+.\deE]*)(?!\S)|!.*)'
)


def matches(source: Source) -> int:
    """Whether it is one."""
    return SURELY if re.match(r'\s*(?:File type = )?"ooTextFile\b[^\n]*\s+\S[^\n]*"TextGrid"', head(source)) else NO


class _Tokens:
    """What stands in the file, one after the other."""

    def __init__(self, source: Source) -> None:
        self.path = source.path
        self.line = 1
        self.found = self._find(source.text)

    def _find(self, text: str) -> Iterator[tuple[str, str]]:
        end = 0
        for match in TOKEN.finditer(text):
            self.line += text.count('\n', end, match.start())
            if match.lastgroup is not None:
                yield match.lastgroup, match[match.lastgroup].replace('""', '"')
            self.line += text.count('\n', match.start(), match.end())
            end = match.end()

    def take(self, kind: str, what: str) -> str:
        """The next one, which must be of a kind.

        Raises:
            UserInputError: If it is not; with its line.
        """
        found, value = next(self.found, ('end', 'the end of the file'))
        if found != kind:
            raise self.error(what, value)
        return value

    def count(self, what: str) -> int:
        """A whole number."""
        value = self.take('number', what)
        if not re.fullmatch(r'\d{1,9}', value):
            raise self.error(what, value)
        return int(value)

    def error(self, expected: str, got: str) -> UserInputError:
        """What to raise here."""
        return UserInputError(f'{self.path}, line {self.line}: expected {expected}, got {got[:60]!r}')


def read(source: Source, tier: str | Sequence[str] | None = None) -> RawEvents:
    """The intervals with a text.

    Args:
        source: The file.
        tier: The tiers to read; None are all.

    Raises:
        UserInputError: If it is no such file, or there is no such tier.
    """
    tokens = _Tokens(source)
    for what in ('the text "ooTextFile"', 'the text "TextGrid"'):
        tokens.take('text', what)
    tokens.take('number', 'the start of the sound')
    duration = tokens.take('number', 'the end of the sound')
    is_known = to_seconds(duration) != 0 and not source.text.endswith(f'{UNMEASURED}\n')
    video_id = source.stem
    raw = RawEvents(source.path, {video_id: {'duration': duration} if is_known else {}})
    exists = tokens.take('flag', '<exists> or <absent>') == 'exists'
    found = [_tier(tokens) for _ in range(tokens.count('the number of tiers') if exists else 0)]
    chosen = chosen_tiers(tier, [name for name, _ in found], source.path)
    for name, items in found:
        for line, times, label in items if name in chosen else ():
            if len(times) == 1:
                raw.left_out[f'points of tier {name}, which have no end'] += 1
            elif label.strip():
                raw.add(video_id, times[0], times[1], label, line, tier=name)
    return raw


def _tier(tokens: _Tokens) -> tuple[str, list[tuple[int, list[str], str]]]:
    """The name of a tier and its items: line, times (a point has one) and text."""
    kind = tokens.take('text', 'the kind of a tier')
    if kind not in ('IntervalTier', 'TextTier'):
        raise tokens.error('an IntervalTier or a TextTier', kind)
    name, items = tokens.take('text', 'the name of a tier'), []
    for side in ('start', 'end'):
        tokens.take('number', f'the {side} of tier {name}')
    for _ in range(tokens.count(f'the number of items of tier {name}')):
        times = [tokens.take('number', f'a time in tier {name}') for _ in range(2 if kind == 'IntervalTier' else 1)]
        label = tokens.take('text', f'a text in tier {name}')
        items.append((tokens.line, times, label))
    return name, items


def write(events: Events, path: str) -> None:
    """A tier for each label, or as the column ``tier`` says; overlapping events take further tiers.

    Raises:
        UserInputError: If a label is no text that UTF-8 can hold, or an event starts before 0.
    """
    events = events[events.label_index >= 0]
    check_texts(events, path, '[\ud800-\udfff]', 'a character that UTF-8 cannot hold')
    times, labels = spans(events, TICKS_HZ), [event.label for event in events]
    durations = [round(video.duration_sec * TICKS_HZ) for video in events.videos if video.duration_sec is not None]
    last = max([0, *durations, *(end for _, end in times)])
    grid = tiers(events, times)
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', '', *_bounds(0, last)]
    lines += ['tiers? <exists>', f'size = {len(grid)}', 'item []:'] if grid else ['tiers? <absent>']
    for number, (name, places) in enumerate(grid.items(), 1):
        items = _without_gaps([(*times[place], labels[place]) for place in places], last)
        lines += [f'    item [{number}]:', '        class = "IntervalTier"', f'        name = {_quoted(name)}']
        lines += [*_bounds(0, last, 8), f'        intervals: size = {len(items)}']
        for item, (start, end, label) in enumerate(items, 1):
            lines += [f'        intervals [{item}]:', *_bounds(start, end, 12), f'            text = {_quoted(label)}']
    with written_whole(path) as file:
        file.write('\n'.join(lines + ([] if durations else [UNMEASURED])) + '\n')


def _bounds(start: int, end: int, indent: int = 0) -> list[str]:
    return [f'{" " * indent}{name} = {tick / TICKS_HZ:.6f}' for name, tick in (('xmin', start), ('xmax', end))]


def _without_gaps(items: Sequence[tuple[int, int, str]], last: int) -> list[tuple[int, int, str]]:
    """The intervals of a tier and the empty ones between them, from 0 to ``last``."""
    filled, before = [], 0
    for start, end, label in [*items, (last, last, '')]:
        if before < start:
            filled.append((before, start, ''))
        if label:
            filled.append((start, end, label))
        before = end
    return filled


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
