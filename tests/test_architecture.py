"""The folders' order: what may import what, how long a file may be, and that each has its test."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BASE = {'compat', 'registry', 'utils', 'structures'}  # everything may import these
PARTS = {'models.layers', 'models.losses', 'models.task_modules'}
MAY_IMPORT = {
    'compat': set(),
    'registry': set(),
    'utils': {'compat'},
    'structures': set(),
    'events': BASE,
    'media': BASE,
    'features': BASE | {'media'},
    'datasets': BASE | {'events', 'features', 'media'},
    'models.layers': BASE,
    'models.losses': BASE | {'models.layers'},
    'models.task_modules': BASE,
    'models.data_preprocessor': BASE,
    'models.backbones': BASE | {'models.layers'},
    'models.necks': BASE | {'models.layers'},
    'models.heads': BASE | PARTS,
    'models.detectors': BASE | {'models.data_preprocessor', 'models.heads', 'models.task_modules'},
    'evaluation': BASE | {'events'},
    'visualization': BASE | {'events', 'evaluation', 'features', 'media'},
    'engine': BASE | PARTS | {'datasets', 'events', 'visualization'},
    'runtime': BASE | {'events', 'features', 'media'},
    'inference': BASE
    | PARTS
    | {'datasets', 'evaluation', 'events', 'features', 'media', 'models.detectors', 'runtime', 'visualization'},
    'commands': BASE
    | {'datasets', 'events', 'evaluation', 'features', 'inference', 'media', 'runtime', 'visualization'},
    '__main__': set(),
}
GATHERERS = 'mmdel', 'mmdel.models'  # import all their parts, so that these register
MAX_LINES = 350


def files(root: Path, folder: str) -> list[Path]:
    return sorted((root / folder).rglob('*.py'))


def dotted(root: Path, path: Path) -> str:
    """mmdel/a/__init__.py → mmdel.a"""
    return '.'.join(path.relative_to(root).with_suffix('').parts).removesuffix('.__init__')


def layer(module: str) -> str:
    """The entry of MAY_IMPORT that a module (mmdel.a.b.c) belongs to; its own name if there is none."""
    parts = module.split('.')[1:]
    return next((name for size in (2, 1) if (name := '.'.join(parts[:size])) in MAY_IMPORT), module)


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """(module, name) of every import statement, at any depth; the name is empty for ``import module``."""
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, '') for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (('.' * node.level + (node.module or ''), alias.name) for alias in node.names)


def upward_imports(root: Path) -> Iterator[str]:
    modules = {dotted(root, path): path for path in files(root, 'mmdel')}
    yield from (f'{name} is no layer' for name in MAY_IMPORT if name not in set(map(layer, modules)))
    for module, path in modules.items():
        if module in GATHERERS:
            continue
        own = layer(module)
        if own not in MAY_IMPORT:
            yield f'{module} is in no layer; give it its place in MAY_IMPORT'
            continue
        for source, name in imports(path):
            if source.partition('.')[0] == 'mmdel':
                full = f'{source}.{name}'
                used = layer(full if full in modules else source)
                if used not in MAY_IMPORT[own] | {own}:
                    yield f'{module} imports {full}'


def vague_or_foreign_imports(root: Path) -> Iterator[str]:
    for path in files(root, 'mmdel'):
        for module, name in imports(path):
            if name == '*' or module.partition('.')[0] in ('', 'tests', 'tools', 'configs'):
                yield f'{path} imports {name or "all"} of {module}'


def long_files(root: Path) -> Iterator[str]:
    for path in files(root, 'mmdel') + files(root, 'tools'):
        num_lines = len(path.read_text(encoding='utf-8').splitlines())
        if num_lines > MAX_LINES:
            yield f'{path} has {num_lines} lines'


def untested_modules(root: Path) -> Iterator[str]:
    """Those without a mirrored test and without a test beside it that imports something of the module."""
    for path in files(root, 'mmdel'):
        folder = root / 'tests' / path.parent.relative_to(root / 'mmdel')
        if path.name in ('__init__.py', '__main__.py') or (folder / f'test_{path.name}').is_file():
            continue
        package, _, stem = dotted(root, path).rpartition('.')
        body = ast.parse(path.read_text(encoding='utf-8')).body
        own = {stem, *(node.name for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef))}
        imported = [pair for test in folder.glob('test_*.py') for pair in imports(test)]
        if not any(source == f'{package}.{stem}' or (source == package and name in own) for source, name in imported):
            yield f'{path}: no test in {folder} is called test_{path.name} or imports something of it'


def untested_tools(root: Path) -> Iterator[str]:
    """Those without a mirrored test that no other test names."""
    tests = [path for path in (root / 'tests').rglob('test_*.py') if path.name != Path(__file__).name]
    text = '\n'.join(path.read_text(encoding='utf-8') for path in tests)
    for path in files(root, 'tools'):
        mirrored = root / 'tests' / path.parent.relative_to(root) / f'test_{path.name}'
        if path.name != '__init__.py' and not mirrored.is_file() and path.name not in text:
            yield f'{path}: there is no {mirrored}, and no other test names it'


CHECKS = upward_imports, vague_or_foreign_imports, long_files, untested_modules, untested_tools


@pytest.mark.parametrize('check', CHECKS)
def test_the_project_is_in_order(check):
    offenders = list(check(ROOT))
    assert not offenders, '\n'.join([check.__name__, *offenders])


def test_layers_have_no_cycle():
    left = dict(MAY_IMPORT)
    while left:
        free = {name for name, allowed in left.items() if not allowed & (set(left) - {name})}
        assert free, f'these import one another: {sorted(left)}'
        left = {name: allowed for name, allowed in left.items() if name not in free}


def test_each_check_sees_what_it_is_for(tmp_path):
    for name, text in {
        'mmdel/structures/upward.py': 'def f():\n    from mmdel import models\n    import mmdel.evaluation.protocols\n',
        'mmdel/models/heads/vague.py': 'from mmdel.utils import *\nfrom tools.data import pack\nfrom . import x\n',
        'mmdel/elsewhere.py': '\n' * (MAX_LINES + 1),
        'tools/data/mend.py': '',
        'tests/models/heads/test_other.py': 'from mmdel.models.heads import other\n',
        'tests/tools/data/test_other.py': 'from mmdel.structures import upward\n',
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    upward, vague, long, modules, tools = ([*check(tmp_path)] for check in CHECKS)
    assert [text.rpartition(' imports ')[2] for text in upward if ' imports ' in text] == [
        'mmdel.models',
        'mmdel.evaluation.protocols.',
    ]
    assert 'datasets is no layer' in upward and 'structures is no layer' not in upward
    assert any(text.startswith('mmdel.elsewhere is in no layer') for text in upward)
    assert [len(found) for found in (vague, long, modules, tools)] == [3, 1, 3, 1]
