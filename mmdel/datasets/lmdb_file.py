"""Reading an LMDB file by its documented layout, page by page, and believing none of it.

The library maps the file and follows what its pages say: a file that is cut off while it is used ends the process by a
signal, and a flipped bit may do so or lead to a wrong value. Here every page is read, and every number checked before
it is followed. What is read is the one table of a file that holds no other, in the format of LMDB 0.9
(``MDB_DATA_VERSION`` 1 of its ``mdb.c``) on this kind of machine. A reader keeps nothing but an open file, so that
forked processes may use it as it is.
"""

from __future__ import annotations

import os
import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mmdel.utils.errors import UserInputError
from mmdel.utils.files import why_unopened

PAGE = struct.Struct('=QHHHH')  # number, unused, flags, end of the nodes' places, begin of the nodes
META = struct.Struct('=IIQQ' + 2 * 'IHHQQQQQ' + 'QQ')  # behind the head of each of the first two pages
NODE = struct.Struct('=HHHH')  # lower and upper half of the size or page, flags or more of the page, size of the key
NUMBER = struct.Struct('=Q')
MAGIC, VERSION = 0xBEEFC0DE, 1
BRANCH, LEAF, OVERFLOW = 1, 2, 4
NO_PAGE = 2**64 - 1
MAX_DEPTH = 32


@dataclass(frozen=True)
class Tree:
    """The table as of the last transaction that was finished."""

    page_bytes: int
    num_pages: int
    root: int


@dataclass(frozen=True)
class Value:
    """Where a value lies in the file, in bytes."""

    offset: int
    num_bytes: int


class LmdbFile:
    """An LMDB file.

    Args:
        path: The file.

    Raises:
        UserInputError: From every method, if the file is none of LMDB, damaged or cut off; with its path.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        if reason := why_unopened(path):
            raise self._error(reason)
        self._file = open(path, 'rb', buffering=0)  # noqa: SIM115  as long as this lives

    def find(self, key: bytes) -> Value | None:
        """Where the value of a key is; None if there is no such key."""
        tree = self._tree()
        number = tree.root
        for _ in range(MAX_DEPTH if number != NO_PAGE else 0):
            page = self._page(tree, number)
            # In a branch, the first key is left out, and a page holds what is from its key on.
            place = bisect_right(range(len(page)), key, lo=1 if page.is_branch else 0, key=page.key) - 1
            if not page.is_branch:
                return self._value(tree, page, place) if place >= 0 and page.key(place) == key else None
            number = page.child(place)
        if tree.root == NO_PAGE:
            return None
        raise self._damaged('a page leads to itself')

    def keys(self, prefix: bytes) -> Iterator[bytes]:
        """The keys that begin so, in their order."""
        tree = self._tree()
        waiting = [tree.root] if tree.root != NO_PAGE else []
        for _ in range(tree.num_pages):
            if not waiting:
                return
            page = self._page(tree, waiting.pop())
            if not page.is_branch:
                yield from (key for key in map(page.key, range(len(page))) if key.startswith(prefix))
                continue
            first = bisect_right(range(len(page)), prefix, lo=1, key=page.key) - 1
            last = next((i for i in range(first + 1, len(page)) if not page.key(i).startswith(prefix)), len(page))
            waiting += [page.child(place) for place in reversed(range(first, last))]
        if waiting:
            raise self._damaged('a page leads to itself')

    def read(self, value: Value, num_bytes: int | None = None) -> np.ndarray:
        """The bytes of a value, or the first of them, as uint8."""
        num_bytes = value.num_bytes if num_bytes is None else min(num_bytes, value.num_bytes)
        content, num_read = np.empty(num_bytes, np.uint8), 0
        while num_read < num_bytes:
            num = os.preadv(self._file.fileno(), [content[num_read:].data], value.offset + num_read)
            if not num:
                raise self._damaged('it is cut off')
            num_read += num
        return content

    def _tree(self) -> Tree:
        """What the younger of the first two pages says."""
        metas = []
        page_bytes = 0
        for _ in range(2):
            head = os.pread(self._file.fileno(), PAGE.size + META.size, page_bytes)
            if len(head) < PAGE.size + META.size:
                raise self._error('it is cut off, or no LMDB file')
            magic, version, *_, root, last_page, transaction = meta = META.unpack_from(head, PAGE.size)
            if (magic, version) != (MAGIC, VERSION):
                raise self._error('it is of another version of LMDB' if magic == MAGIC else 'it is no LMDB file')
            if meta[13]:  # flags of the table
                raise self._error('its keys have several values each')
            metas.append((transaction, Tree(meta[4], last_page + 1, root)))
            page_bytes = meta[4]
            if page_bytes not in (1 << power for power in range(9, 17)):
                raise self._damaged(f'pages of {page_bytes} bytes')
        tree = max(metas, key=lambda item: item[0])[1]
        size, expected = os.fstat(self._file.fileno()).st_size, tree.num_pages * tree.page_bytes
        if size < expected:
            raise UserInputError(f'{self.path} is cut off: {size} bytes of {expected}; copy it again')
        return tree

    def _page(self, tree: Tree, number: int) -> _Page:
        """A page of keys."""
        if number >= tree.num_pages:
            raise self._damaged(f'there is no page {number}')
        content = os.pread(self._file.fileno(), tree.page_bytes, number * tree.page_bytes)
        own_number, _, flags, lower, upper = PAGE.unpack_from(content) if len(content) == tree.page_bytes else [0] * 5
        num_keys = (lower - PAGE.size) // 2
        whole = PAGE.size <= lower <= upper <= len(content) and flags in (BRANCH, LEAF)
        if own_number != number or not whole or num_keys < (1 if flags == BRANCH else 0):
            raise self._damaged(f'page {number} is no page of keys')
        return _Page(self, number, content, flags == BRANCH, struct.unpack_from(f'={num_keys}H', content, PAGE.size))

    def _value(self, tree: Tree, page: _Page, place: int) -> Value:
        low, high, flags, key_size = page.node(place)
        offset = page.places[place] + NODE.size + key_size
        num_bytes, end = low | high << 16, len(page.content)
        if flags == 1:  # the value has pages of its own
            if offset + NUMBER.size > end:
                raise self._damaged(f'a value of page {page.number}')
            (number,) = NUMBER.unpack_from(page.content, offset)
            head = os.pread(self._file.fileno(), PAGE.size, min(number, tree.num_pages) * tree.page_bytes)
            if len(head) < PAGE.size or PAGE.unpack(head)[:3:2] != (number, OVERFLOW):
                raise self._damaged(f'page {number} is none of a value')
            start, end = number * tree.page_bytes + PAGE.size, tree.num_pages * tree.page_bytes
        else:
            start = page.number * tree.page_bytes + offset
            end += page.number * tree.page_bytes
        if flags > 1 or start + num_bytes > end:
            raise self._damaged(f'a value of page {page.number}')
        return Value(start, num_bytes)

    def _damaged(self, what: str) -> UserInputError:
        return self._error(f'it is damaged ({what}); copy or pack it again')

    def _error(self, reason: str) -> UserInputError:
        return UserInputError(f'cannot read the packed features {self.path}: {reason}')


@dataclass(frozen=True)
class _Page:
    """A page of keys, with the places of its nodes in it."""

    owner: LmdbFile
    number: int
    content: bytes
    is_branch: bool
    places: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.places)

    def node(self, place: int) -> tuple[int, int, int, int]:
        """The head of a node, which lies in the page with its key."""
        offset = self.places[place]
        if offset + NODE.size <= len(self.content):
            low, high, flags, key_size = NODE.unpack_from(self.content, offset)
            if offset + NODE.size + key_size <= len(self.content):
                return low, high, flags, key_size
        raise self.owner._damaged(f'a key of page {self.number}')

    def key(self, place: int) -> bytes:
        """The key of a node."""
        start, size = self.places[place] + NODE.size, self.node(place)[3]
        return self.content[start : start + size]

    def child(self, place: int) -> int:
        """The page that a branch leads to."""
        low, high, more, _ = self.node(place)
        return low | high << 16 | more << 32
