"""What an ONNX file may be: one whole file. One that reads tensors from other files is refused before it is opened.

An ONNX file is a message of protobuf. A tensor in it may name another file in place of its numbers: onnxruntime then
reads that file, and how far such a path may lead has differed from version to version. So the message is walked here,
along the fields by which a tensor can be reached, without the package ``onnx``. The numbers of fields and messages are
those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3, the encoding that of
https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from collections.abc import Iterator

from mmdel.utils.errors import UserInputError

MESSAGES: dict[str, dict[int, str]] = {
    'model': {7: 'graph', 20: 'training', 25: 'function'},
    'training': {1: 'graph', 2: 'graph'},
    'function': {7: 'node', 11: 'attribute'},
    'graph': {1: 'node', 5: 'tensor', 15: 'sparse tensor'},
    'node': {5: 'attribute'},
    'attribute': {5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse tensor', 23: 'sparse tensor'},
    'sparse tensor': {1: 'tensor', 2: 'tensor'},
}
EXTERNAL_DATA, DATA_LOCATION = 13, 14  # of a tensor
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
FIXED_SIZES = {FIXED64: 8, FIXED32: 4}
MAX_DEPTH = 100  # of messages in one another; protobuf itself stops there


def require_one_file(model: bytes, name: str) -> None:
    """Stops at a model that is no message of ONNX's kind, or has a tensor whose numbers are in another file.

    Args:
        model: What the file holds.
        name: Of the file, for messages.

    Raises:
        UserInputError: Saying which of the two.
    """
    try:
        is_external = _has_external(memoryview(model), 'model', 0)
    except (ValueError, IndexError) as error:
        raise UserInputError(f'{name} cannot be read as an ONNX model: it is damaged, or of another kind') from error
    if is_external:
        raise UserInputError(f'{name} keeps tensors in other files, which are not read: save it as one file')


def _has_external(message: memoryview, kind: str, depth: int) -> bool:
    if depth > MAX_DEPTH:
        raise ValueError('too deep')
    if kind == 'tensor':
        return any(
            number == EXTERNAL_DATA or (number == DATA_LOCATION and value != 0) for number, value in _fields(message)
        )
    inner = MESSAGES[kind]
    return any(
        _has_external(value, inner[number], depth + 1)
        for number, value in _fields(message)
        if number in inner and isinstance(value, memoryview)
    )


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """The fields of a message: number, and value, the bytes of what is longer than a number.

    Raises:
        ValueError: If it is no whole message.
        IndexError: Likewise.
    """
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, place = _varint(message, place)
            yield number, value
            continue
        size, place = _varint(message, place) if wire == BYTES else (FIXED_SIZES.get(wire, -1), place)
        if number == 0 or size < 0 or place + size > len(message):
            raise ValueError('no whole message')
        yield number, message[place : place + size]
        place += size


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """A number in bytes of seven bits, the lowest first, and the place behind it."""
    value = 0
    for shift in range(0, 70, 7):
        byte = message[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & (2**64 - 1), place
    raise ValueError('no number')
