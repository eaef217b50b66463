"""Names of videos and classes: which texts and numbers are one name, how they are shown and name files; like names."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Set
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

MEDIA_SUFFIX = re.compile(
    r'(?<=.)\.'
    r'(aac|aiff?|flac|m4a|mp3|ogg|opus|wav|wma|oga|ogv|3gp|avi|flv|m4v|mkv|mov|mp4|mpe?g|mts|webm|wmv)$',
    re.IGNORECASE,
)


UNSEEN = re.compile(
    '[\x00-\x1f\x7f-\x9f'  # control characters: line ends, and what steers a terminal
    '\u200e\u200f\u202a-\u202e\u2066-\u2069'  # marks that turn the direction of what follows
    '\u2028\u2029\ud800-\udfff]'  # further line ends; bytes that are no text
)
MAX_FILE_NAME_BYTES = 200  # file systems take 255, and a suffix follows


def visible(text: str, kept: str = '') -> str:
    """A text from a file, for a message: what steers the terminal or is no text is shown by its code, ``\\x1b``.

    Args:
        text: The text.
        kept: Characters that stay as they are.
    """
    return UNSEEN.sub(lambda match: match[0] if match[0] in kept else ascii(match[0])[1:-1], text)


def file_name(name: str) -> str:
    """The name of a file, without its suffix, for a video's id: one of its own for each id, in no other folder.

    Letters, digits and ``-+=,@. _`` stay; all else, and a dot in front, becomes its bytes as ``%2F``. A name that is
    too long is cut, and ends in a digest.
    """
    text = re.sub(r'[^\w\-+=,@. ]|^\.', lambda match: ''.join(f'%{x:02X}' for x in _bytes(match[0])), name)
    if len(_bytes(text)) <= MAX_FILE_NAME_BYTES:
        return text or '%'
    start = _bytes(text)[: MAX_FILE_NAME_BYTES - 32].decode(errors='ignore')
    return f'{start}~{hashlib.sha256(_bytes(name)).hexdigest()[:16]}'


def _bytes(text: str) -> bytes:
    return text.encode(errors='surrogatepass')


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


def nearest(name: str, names: Set[str], cutoff: float = 0.55) -> str:
    """``; did you mean …?`` with the most similar of ``names``, upper and lower case being the same; or nothing."""
    scope = name.rpartition('.')[0]
    if any(other.startswith(f'{scope}.') for other in names):  # which is right, then
        names = {other for other in names if other.rpartition('.')[0] == scope}
    else:
        scope = ''
    by_lower = {other.removeprefix(f'{scope}.').lower(): other for other in sorted(names)}
    found = get_close_matches(name.removeprefix(f'{scope}.').lower(), by_lower, n=1, cutoff=cutoff)
    return f'; did you mean {by_lower[found[0]]}?' if found else ''
