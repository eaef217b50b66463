"""What the description of a bundle may say: plain data, parts of mmdel alone, no path out of its folder.

A bundle may come from a stranger. Nothing of it is run or imported: a type is looked up among the registered classes of
mmdel and nowhere else, and what is not expected is refused. What the model itself may be is looked at where it is
built, by ``mmdel.inference.model_rules``; all else here, without torch.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from mmdel.events.formats.structure import Node
from mmdel.events.problems import short
from mmdel.features import EXTRACTORS
from mmdel.runtime.onnx_settings import OnnxSettings
from mmdel.structures import FeatureGrid
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import read_text, require_regular_file
from mmdel.utils.numbers import is_number

FORMAT, VERSION = 'mmdel-bundle', 1
DESCRIPTION_FILE, WEIGHTS_FILE, ONNX_FILE = 'bundle.json', 'weights.safetensors', 'model.onnx'
KEYS = frozenset(
    ('format', 'version', 'model', 'classes', 'streams', 'grid', 'thresholds', 'files', 'weights_sha256', 'provenance')
)
OPTIONAL_KEYS = frozenset(['onnx'])
STREAM_KEYS = frozenset(('extractors', 'stride', 'window', 'fps', 'channels'))
GRID_TYPES = ('mmdel.AlignStreams', 'mmdel.ResizeStreams')
MAX_BYTES, MAX_DEPTH = 2**24, 40
MAX_NUMBER = 2**20  # of a model's whole numbers: widths, windows, candidates
MAX_CLASSES = 10**5
MAX_SIDE = 4096  # of pictures that extractors look at
NAME = re.compile(r'[A-Za-z_]\w{0,63}', re.ASCII)
FILE_NAME = re.compile(r'[\w\-][\w\-. ]{0,199}', re.ASCII)
DIGEST = re.compile(r'[0-9a-f]{64}')


def read_description(path: str | os.PathLike) -> dict[str, Any]:
    """The content of a ``bundle.json``, every rule of which holds.

    Raises:
        UserInputError: If it cannot be read, or breaks one: with the place in the file and what was expected.
    """
    require_regular_file(path, 'bundle')
    if os.path.getsize(path) > MAX_BYTES:
        raise UserInputError(f'{path}: the description of a bundle has at most {MAX_BYTES} bytes')
    text = read_text(path, 'bundle')
    try:
        content = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise UserInputError(f'The bundle {path} is not strict JSON: {error}') from error
    root = Node(os.fspath(path), '', content)
    if root.get('format') != FORMAT:
        raise root['format'].error(f'{FORMAT!r}: is this a bundle, as mmdel export writes them?')
    if root.get('version') != VERSION:
        raise root['version'].error(f'{VERSION}, the one that this mmdel reads: another mmdel wrote the bundle')
    _check_keys(root, KEYS, OPTIONAL_KEYS)
    check_description(root)
    return content


def check_description(root: Node) -> None:
    """Stops at the first rule that a description breaks.

    Raises:
        UserInputError: With the place in the file and what was expected.
    """
    for node, depth in walk(root):
        if depth > MAX_DEPTH:
            raise Node(node.file, short(node.place), node.value).error(f'no more than {MAX_DEPTH} levels')
    root['model'].mapping()
    _check_names(root['classes'], MAX_CLASSES)
    streams = [*root['streams'].members()]
    if not streams:
        raise root['streams'].error('at least one stream')
    files = root['files'].mapping()
    own_files = {DESCRIPTION_FILE, WEIGHTS_FILE} | ({ONNX_FILE} if 'onnx' in root.mapping() else set())
    for name, digest in root['files'].members():
        if not FILE_NAME.fullmatch(name) or name in own_files:
            raise Node(root.file, 'files', name).error('the plain name of a file in the folder of the bundle')
        _check_digest(digest)
    for name, stream in streams:
        _check_stream(name, stream, files)
    _check_grid(root['grid'], {name for name, _ in streams})
    for name, threshold in root['thresholds'].members():
        if name != 'score' or not 0 <= threshold.number() <= 1:
            raise threshold.error('thresholds.score in [0, 1], and no other')
    _check_digest(root['weights_sha256'])
    root['provenance'].mapping()
    if 'onnx' in root.mapping():
        OnnxSettings.read(root['onnx'])
        _check_digest(root['onnx']['sha256'])


def _check_stream(name: str, stream: Node, files: Mapping[str, Any]) -> None:
    if not NAME.fullmatch(name):
        raise Node(stream.file, 'streams', name).error('the name of a stream: letters, digits and _')
    _check_keys(stream, STREAM_KEYS)
    channels = stream.get('channels')
    if not isinstance(channels, int) or isinstance(channels, bool) or not 1 <= channels <= MAX_NUMBER:
        raise stream['channels'].error('a number of channels')
    for key in ('stride', 'window', 'fps'):
        value = stream.get(key)
        if not (is_number(value) and 0 < value < 1e9):
            raise stream[key].error('a positive number')
    FeatureGrid(*(float(stream.get(key)) for key in ('stride', 'window', 'fps')))
    types = {f'mmdel.{name}': part for name, part in EXTRACTORS.items() if part.__module__.startswith('mmdel.')}
    for extractor in stream['extractors'].items():
        kind = extractor.get('type')
        if not isinstance(kind, str) or kind not in types:
            raise extractor['type'].error(f'an extractor of mmdel: {", ".join(sorted(types))}')
        if getattr(types[kind], 'runs_code', False):
            raise extractor['type'].error('an extractor that is data: this one runs code, which a bundle never does')
        for node, _ in walk(extractor):
            if node.place != f'{extractor.place}.type':
                _check_value(node, files)


def _check_value(node: Node, files: Mapping[str, Any]) -> None:
    """A text in the config of an extractor is a name, or a file that the bundle lists; a number is no absurd one."""
    if isinstance(node.value, str) and node.value not in files and not NAME.fullmatch(node.value):
        raise node.error('a name, or a file that the bundle lists under "files"')
    limit = MAX_SIDE if node.place.rpartition('.')[2] in ('height', 'width') else MAX_NUMBER
    if isinstance(node.value, int | float) and abs(node.value) > limit:
        raise node.error(f'a number of at most {limit}')


def _check_grid(grid: Node, streams: set[str]) -> None:
    steps = [*grid.items()]
    if [step.get('type') for step in steps] not in ([GRID_TYPES[0]], [*GRID_TYPES]):
        raise grid.error(f'[{GRID_TYPES[0]}], or with {GRID_TYPES[1]} behind it')
    align, *resize = steps
    _check_keys(align, frozenset(('type', 'reference', 'mode')))
    if not isinstance(align.get('reference'), str) or align.get('reference') not in streams:
        raise align['reference'].error(f'one of the streams: {", ".join(sorted(streams))}')
    if align.get('mode') not in ('linear', 'nearest'):
        raise align['mode'].error("'linear' or 'nearest'")
    for step in resize:
        _check_keys(step, frozenset(('type', 'length')))
        length = step.get('length')
        if not isinstance(length, int) or isinstance(length, bool) or not 1 <= length <= MAX_NUMBER:
            raise step['length'].error(f'a number of steps up to {MAX_NUMBER}')


def _check_keys(node: Node, keys: frozenset[str], optional: frozenset[str] = frozenset()) -> None:
    found = node.mapping().keys() - optional
    if found != keys:
        wrong = ', '.join([*(f'no {key!r}' for key in sorted(keys - found)), *map(short, sorted(found - keys))])
        raise UserInputError(f'{node.file}: {node.place or "the file"} has {wrong}; expected {", ".join(sorted(keys))}')


def _check_names(node: Node, most: int) -> None:
    names = [item.value for item in node.items()]
    whole = all(isinstance(name, str) and 0 < len(name) <= 1000 for name in names)
    if not whole or not 0 < len(set(names)) == len(names) <= most:
        raise Node(node.file, node.place, short(names)).error('names of classes, each once')


def _check_digest(node: Node) -> None:
    if not isinstance(node.value, str) or not DIGEST.fullmatch(node.value):
        raise node.error('a SHA-256 in 64 hexadecimal digits')


def walk(node: Node, depth: int = 0) -> Iterator[tuple[Node, int]]:
    """A value and all inside of it, with their depths.

    Raises:
        UserInputError: If there is a number that is not finite.
    """
    yield node, depth
    if depth > MAX_DEPTH:
        return
    if isinstance(node.value, dict):
        for _, child in node.members():
            yield from walk(child, depth + 1)
    elif isinstance(node.value, list):
        for child in node.items():
            yield from walk(child, depth + 1)
    elif isinstance(node.value, float) and not math.isfinite(node.value):
        raise node.error('a finite number')


def _refuse_constant(text: str) -> Any:
    raise ValueError(f'{text} is no number of JSON')


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError('a key stands twice in one mapping')
    return content
