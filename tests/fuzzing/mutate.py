"""Changes of files as damage and malice make them."""

from __future__ import annotations

import json
import re
import struct
from copy import deepcopy
from typing import Any

import numpy as np

BYTES = (0, 1, 9, 10, 13, 32, 34, 44, 46, 48, 57, 60, 91, 92, 93, 123, 125, 127, 128, 254, 255)
TOKENS = tuple(
    text.encode()
    for text in (
        *(
            '',
            '-',
            '0',
            '-1',
            '1e308',
            '1e400',
            '-0.0',
            '9' * 400,
            'NaN',
            'Infinity',
            '1e-320',
            '00:00',
            '::',
            '1:2:3:4',
        ),
        *(
            'null',
            'true',
            '[]',
            '{}',
            '""',
            '"',
            "'",
            '\\',
            '\\ud800',
            '&#0;',
            '<!',
            ']]>',
            '\t\t',
            ';;',
            '\r',
            '%',
            '\0',
        ),
    )
)
NUMBERS = (0, 1, 2**7, 2**8 - 1, 2**15, 2**16 - 1, 2**31, 2**32 - 1, 2**40, 2**63, 2**64 - 1)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 10**9, 10**30, -(10**400), 1e308, float('nan'), float('inf'), '', ' ', 'x', '\0'),
    *(
        '1.5',
        '0:01:02',
        'nan',
        '\ud800',
        'x' * 500,
        [],
        {},
        [[]],
        [0, 1],
        [1, 0],
        [0, 1, 2],
        {'': None},
        {'a': {'b': []}},
    ),
)


def pick(rng: np.random.Generator, items: Any) -> Any:
    return items[int(rng.integers(len(items)))]


def mutate(rng: np.random.Generator, content: bytes) -> bytes:
    """A file with some of its bytes changed."""
    data = bytearray(content)
    for _ in range(pick(rng, (1, 1, 1, 2, 4))):
        start = int(rng.integers(len(data) + 1))
        end = min(start + int(rng.integers(1, 9)), len(data))
        match int(rng.integers(9)):
            case 0:
                data[start:end] = bytes([pick(rng, BYTES)]) * (end - start)
            case 1:
                del data[start:end]
            case 2:
                data[start:start] = pick(rng, TOKENS)
            case 3:
                data[start:end] = pick(rng, TOKENS)
            case 4 if rng.random() < 0.2:
                del data[start:]
            case 5:
                other = int(rng.integers(len(data) + 1))
                data[start:start] = data[other : other + int(rng.integers(1, 200))]
            case 6:
                data[start : start + 8] = struct.pack('<Q', pick(rng, NUMBERS))[: pick(rng, (1, 2, 4, 8))]
            case 7:
                if start < len(data):
                    data[start] ^= 1 << int(rng.integers(8))
            case _:
                numbers = [*re.finditer(rb'[0-9][0-9.]*', data)]
                if numbers:
                    found = pick(rng, numbers)
                    data[found.start() : found.end()] = pick(rng, TOKENS)
    return bytes(data)


def mutate_json(rng: np.random.Generator, content: bytes) -> bytes:
    """A JSON file with some of its values exchanged for others."""
    value = json.loads(content)
    for _ in range(pick(rng, (1, 1, 1, 2, 4))):
        places: list[tuple[Any, Any]] = []
        waiting = [value]
        while waiting:
            item = waiting.pop()
            if isinstance(item, (dict, list)):
                found = item.items() if isinstance(item, dict) else enumerate(item)
                for key, child in found:
                    places.append((item, key))
                    waiting.append(child)
        if not places:
            break
        owner, key = pick(rng, places)
        match int(rng.integers(4)):
            case 0:
                del owner[key]
            case 1 if isinstance(owner, list):
                owner.append(deepcopy(owner[key]))
            case 2:
                other, place = pick(rng, places)
                owner[key] = json.loads(json.dumps(other[place])) if _has(other, place) else None
            case _:
                owner[key] = deepcopy(pick(rng, VALUES))
    return json.dumps(value).encode()


def _has(owner: Any, key: Any) -> bool:
    return key in owner if isinstance(owner, dict) else key < len(owner)
