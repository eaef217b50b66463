"""Names of videos and classes: which texts and numbers are one name."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

MEDIA_SUFFIX = re.compile(
    r'(?<=.)\.'
    r'(aac|aiff?|flac|m4a|mp3|ogg|opus|wav|wma|oga|ogv|3gp|avi|flv|m4v|mkv|mov|mp4|mpe?g|mts|webm|wmv)$',
    re.IGNORECASE,
)


def to_name(text: str) -> str:
    """A text in Unicode's composed form (NFC): ``é`` may be one character or two, and some file systems choose."""
    return unicodedata.normalize('NFC', text)


def cut_suffix(text: str) -> str:
    """The id of a video from the name of its file: without a media suffix (.wav, .mp4 …); folders stay."""
    return to_name(MEDIA_SUFFIX.sub('', text))


def media_name(text: str) -> str:
    """The id of a video from the path or ``file:`` address of its file: without folders and media suffix."""
    path = unquote(text) if text.startswith('file:') else text
    return cut_suffix(PurePosixPath(path.replace('\\', '/')).name)


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
