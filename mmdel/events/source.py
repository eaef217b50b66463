"""A file of events, opened once for all formats that look at it."""

from __future__ import annotations

import codecs
import json
import os
from functools import cached_property
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from mmdel.utils.errors import UserInputError
from mmdel.utils.files import HEAD_BYTES, decode_text, kind_of_content, read_bytes
from mmdel.utils.names import to_name

WHAT = 'file of events'
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Source:
    """A file of events.

    A format asks it for what it needs; ``None`` says that the file is nothing of that kind, without an error.

    Args:
        path: The file.
        encoding: How its text is encoded; None is UTF-8, or UTF-16 with its mark.

    Raises:
        UserInputError: From every attribute, if the file cannot be read; with its path.
    """

    def __init__(self, path: str | os.PathLike, encoding: str | None = None) -> None:
        self.path = os.fspath(path)
        self.encoding = encoding
        self.repeated: list[tuple[dict, list[str]]] = []  # mappings of the JSON that have a key twice, and the keys

    @property
    def stem(self) -> str:
        """The name without folder and last suffix: the video, in formats of one video a file."""
        return to_name(Path(self.path).stem)

    @cached_property
    def content(self) -> bytes:
        """All bytes."""
        return read_bytes(self.path, WHAT)

    @cached_property
    def text(self) -> str:
        """The text, without a byte order mark, with every line end as ``\\n``."""
        if self.encoding is not None:
            try:
                text = self.content.decode(self.encoding)
            except (LookupError, UnicodeError) as error:
                raise UserInputError(f'{self.path} is no text in {self.encoding}: {error}') from error
        elif self.content.startswith(UTF_16):
            text = self.content.decode('utf-16', 'replace')
        else:
            kind = '' if self.is_xml else kind_of_content(self.content[:HEAD_BYTES])
            if kind:
                raise UserInputError(f'The {WHAT} {self.path} is {kind}')
            text = decode_text(self.content, self.path, WHAT)
        return text.removeprefix('\ufeff').replace('\r\n', '\n').replace('\r', '\n')

    @cached_property
    def lines(self) -> list[str]:
        """The lines that are not empty, without their ends; see :meth:`numbered` for their numbers."""
        return [line for line in self.text.split('\n') if line.strip()]

    @cached_property
    def numbered(self) -> list[tuple[int, str]]:
        """The lines that are not empty, with their numbers from 1."""
        return [(number, line) for number, line in enumerate(self.text.split('\n'), 1) if line.strip()]

    @cached_property
    def json(self) -> Any:
        """The content of a JSON file; None if it does not begin as one.

        Raises:
            UserInputError: If it begins as one and is none.
        """
        if self.is_xml or self.text.lstrip()[:1] not in ('{', '['):
            return None
        try:
            return json.loads(self.text, object_pairs_hook=self._keep_last)
        except (ValueError, RecursionError) as error:
            raise UserInputError(f'The {WHAT} {self.path} is not JSON: {error}') from error

    def _keep_last(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        mapping = dict(pairs)
        if len(mapping) < len(pairs):
            keys = [key for key, _ in pairs]
            self.repeated.append((mapping, sorted({key for key in keys if keys.count(key) > 1})))
        return mapping

    @property
    def is_xml(self) -> bool:
        """Whether the file begins as XML, and not as a web page."""
        return self.content[:HEAD_BYTES].removeprefix(codecs.BOM_UTF8).lstrip().startswith(b'<') and not (
            kind_of_content(self.content[:HEAD_BYTES]) and b'<html' in self.content[: 2 * HEAD_BYTES].lower()
        )

    @cached_property
    def xml(self) -> ElementTree.Element | None:
        """The root of an XML file; None if it does not begin as one.

        Raises:
            UserInputError: If it begins as one and is none, or defines entities, which can make it grow without bound.
        """
        if not self.is_xml:
            return None
        if b'<!ENTITY' in self.content.replace(b'\0', b''):  # UTF-16 needs no mark
            raise UserInputError(f'The {WHAT} {self.path} defines XML entities, and is not read')
        try:
            return ElementTree.fromstring(self.content)
        except (ElementTree.ParseError, LookupError, ValueError) as error:  # of an encoding that there is not
            raise UserInputError(f'The {WHAT} {self.path} is not XML: {error}') from error
