"""The labels of an annotation file and their numbers: which class is which place in the list of classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from mmdel.events.columns import LabelUse
from mmdel.events.problems import Problem, short
from mmdel.utils.errors import UserInputError
from mmdel.utils.names import plain_name, to_integer, to_label

MAX_LABEL_ID = 99_999
NUMBER_KINDS = ('wrong-label-id', 'missing-label-id', 'label-id-clash')


def to_labels(values: Iterable[Any], what: str) -> tuple[str, ...]:
    """The labels that a config gives.

    Args:
        values: Texts or whole numbers.
        what: The option, for messages.

    Raises:
        UserInputError: If it is a single text, or one can name no class.
    """
    labels = [] if isinstance(values, str) else [label for value in values if (label := to_label(value)) is not None]
    if len(labels) < len(list(values)):
        raise UserInputError(f'{what} must be a list of texts or whole numbers, got {short(values)}')
    return tuple(labels)


def look_alikes(uses: Sequence[LabelUse], given: Collection[str], ann_file: str) -> list[Problem]:
    """Labels that differ only in letter case, white space, hyphens or underscores; each counts as a class of its own.

    Args:
        uses: The labels of the file.
        given: Those of the config.
        ann_file: The file, for messages.
    """
    counts: Counter[str] = Counter()
    for use in uses:
        counts[use.label] += len(use.rows)
    alike: dict[str, list[str]] = {}
    for label in sorted(counts | dict.fromkeys(given, 0), key=lambda label: (-counts[label], label)):
        alike.setdefault(plain_name(label), []).append(label)
    problems = []
    for first, *others in alike.values():
        for other in others:
            found = f'{other!r} ({counts[other]} events) beside {first!r} ({counts[first]} events)'
            said = 'similar-labels', found, 'one spelling of each class'
            used = [use.problem(int(use.rows[0]), *said) for use in uses if use.label == other]
            problems.append(used[0] if used else Problem(*said, file=ann_file))
    return problems


def number_labels(uses: Sequence[LabelUse]) -> tuple[dict[str, int], list[Problem]]:
    """The one id of each label, and what contradicts it: labels and ids are paired by the most events.

    Labels without an id are fine if no label has any, or if the label has it elsewhere.
    """
    ids = [None if use.raw_id is None else _label_id(use.raw_id) for use in uses]
    counts: Counter[tuple[str, int]] = Counter()
    for use, number in zip(uses, ids, strict=True):
        if number is not None:
            counts[use.label, number] += len(use.rows)
    label_ids: dict[str, int] = {}
    owners: dict[int, str] = {}
    for (label, number), _ in counts.most_common():
        if label not in label_ids and number not in owners:
            label_ids[label], owners[number] = number, label
    problems: list[tuple[int, Problem]] = []
    lacking = {use.label for use in uses} - label_ids.keys() if label_ids else set()
    for use, found_id in zip(uses, ids, strict=True):
        label, rows = use.label, use.rows.tolist()
        kind, found, expected = '', f'{label!r} has label_id {short(use.raw_id)}', str(label_ids.get(label, ''))
        if use.raw_id is not None and found_id is None:
            kind, expected = 'wrong-label-id', f'a whole number from 0 to {MAX_LABEL_ID}'
        elif found_id is not None and label_ids.get(label) != found_id:
            kind, expected = 'label-id-clash', expected or f'another: {owners[found_id]!r} has it'
        elif label in lacking:
            kind, expected = 'missing-label-id', 'a number, as others have'
            lacking.remove(label)  # told once
            rows = rows[:1]
        if kind:
            problems += [(row, use.problem(row, kind, found, expected)) for row in rows]
    return label_ids, [problem for _, problem in sorted(problems, key=lambda item: item[0])]


def name_classes(
    uses: Sequence[LabelUse], label_ids: dict[str, int], num_classes: int | None, ann_file: str
) -> tuple[tuple[str, ...], list[Problem]]:
    """The class names in the order of their numbers, and what is wrong with them.

    The place of a label is its id; where there are no ids it is that among the sorted labels, by value if all are
    numbers. A place of no label is named ``unused_<place>``. Without any label there are no classes.
    """
    problems: list[Problem] = []
    names = {use.label for use in uses}
    numbers = {use.label for use in uses if to_integer(use.raw) is not None}
    if numbers and names - numbers:
        found = f'the number {min(numbers)} and the text {min(names - numbers)!r}'
        problems.append(Problem('mixed-labels', found, 'all texts, or all numbers', file=ann_file))
    if not names:
        problems.append(Problem('no-label', 'no labelled event', "one, or the config's list of classes", file=ann_file))
        return (), problems
    are_numbers = all(map(_is_number, names))
    in_order = sorted(names, key=lambda label: (len(label) if are_numbers else 0, label))
    places = {number: label for label, number in label_ids.items()} or dict(enumerate(in_order))
    num_found = max(places, default=-1) + 1
    if num_classes is not None and num_found > num_classes:
        found = f'{num_found} classes (the last is {places[num_found - 1]!r})'
        problems.append(Problem('too-many-classes', found, f'{num_classes}, as the config says', file=ann_file))
    num = max(num_found, num_classes or 0)
    return tuple(places.get(number, unused_name(number)) for number in range(num)), problems


def unused_name(number: int) -> str:
    """The name of a class that no event has."""
    return f'unused_{number}'


def _label_id(value: Any) -> int | None:
    """What can number a class; None for all else."""
    number = to_integer(value)
    return number if number is not None and 0 <= number <= MAX_LABEL_ID else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()
