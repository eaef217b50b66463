"""Names of videos and classes: which texts and numbers are one name."""

from __future__ import annotations

import re
import unicodedata
from typing import Any


def to_name(text: str) -> str:
    """A text in Unicode's composed form (NFC): ``é`` may be one character or two, and some file systems choose."""
    return unicodedata.normalize('NFC', text)


def to_label(value: Any) -> str | None:
    """The label of a class as a text without white space around it; None if it can name no class.

    A whole number is its text, be it a number or, as in some tables, the text ``'3.0'``.
    """
    if isinstance(value, str) and not re.fullmatch(r'\s*[0-9]{1,19}\.0+\s*', value):
        return to_name(value.strip()) or None
    number = to_integer(value)
    return None if number is None else str(number)


def to_integer(value: Any) -> int | None:
    """A whole number, whatever its type, or its text; None for all else."""
    if isinstance(value, str):
        number = re.fullmatch(r'\s*([0-9]{1,19})(\.0+)?\s*', value)
        return int(number[1]) if number else None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def plain_name(name: str) -> str:
    """What is left of a name without letter case and the kind of white space, hyphens and underscores."""
    return re.sub(r'[\s_-]+', ' ', unicodedata.normalize('NFKC', name).casefold()).strip()


SUBSET_SYNONYMS = {'training': 'train', 'validation': 'val', 'testing': 'test'}


def canonical_subset(subset: Any) -> str:
    """One name for all the spellings of a subset: ``'Training'`` → ``'train'``."""
    name = str(subset).strip().lower()
    return SUBSET_SYNONYMS.get(name, name)
