"""The folders' order: what may import what."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BASE = {'compat', 'registry', 'utils', 'structures'}  # everything may import these, and they only one another
PARTS = {'models.layers', 'models.losses', 'models.task_modules'}
MAY_IMPORT = {
    'compat': set(),
    'registry': set(),
    'utils': set(),
    'structures': set(),
    'features': BASE,
    'models.layers': BASE,
    'models.losses': BASE,
    'models.task_modules': BASE,
    'models.data_preprocessor': BASE,
    'models.backbones': BASE | {'models.layers'},
    'models.necks': BASE | {'models.layers'},
    'models.heads': BASE | PARTS,
    'models.detectors': BASE | {'models.data_preprocessor', 'models.task_modules'},
    'datasets': BASE | {'features'},
    'evaluation': BASE,
    'visualization': BASE,
    'engine': BASE | PARTS | {'visualization'},
    'apis': BASE | {'datasets', 'engine', 'evaluation', 'features', 'models', 'visualization'},
}
MODULES = sorted((ROOT / 'mmdel').rglob('*.py'))
EMPTY_PACKAGES = 'mmdel', 'mmdel.models'  # only gather their parts, so that these register


def dotted(path: Path) -> str:
    """mmdel/a/__init__.py → mmdel.a"""
    return '.'.join(path.relative_to(ROOT).with_suffix('').parts).removesuffix('.__init__')


def layer(module: str) -> str:
    """The entry of MAY_IMPORT that a module (mmdel.a.b.c) belongs to; itself if there is none."""
    parts = module.split('.')[1:]
    return next((name for size in (2, 1) if (name := '.'.join(parts[:size])) in MAY_IMPORT), '.'.join(parts))


def imports(path: Path) -> list[tuple[str, str]]:
    """(module, name) of every import statement, at any depth; the name is empty for ``import module``."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            found += [(alias.name, '') for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{path}, line {node.lineno}: relative import'
            found += [(node.module or '', alias.name) for alias in node.names]
    return found


def layers_imported(path: Path) -> set[str]:
    modules = set(map(dotted, MODULES))
    found = set()
    for module, name in imports(path):
        if module == 'mmdel' or module.startswith('mmdel.'):
            full = f'{module}.{name}' if f'{module}.{name}' in modules else module
            found.add(layer(full))
    return found


@pytest.mark.parametrize('path', MODULES, ids=dotted)
def test_no_layer_imports_upward(path):
    if dotted(path) in EMPTY_PACKAGES:
        return
    own = layer(dotted(path))
    assert own in MAY_IMPORT, f'{path} is in no layer; give it its place in MAY_IMPORT'
    assert layers_imported(path) <= MAY_IMPORT[own] | {own}


def test_layers_have_no_cycle():
    left = {name: {other for other in allowed if other != name} for name, allowed in MAY_IMPORT.items()}
    left['apis'].discard('models')  # the sum of its parts
    while left:
        free = {name for name, allowed in left.items() if not allowed & set(left)}
        assert free, f'these import one another: {sorted(left)}'
        left = {name: allowed for name, allowed in left.items() if name not in free}


@pytest.mark.parametrize('path', MODULES, ids=dotted)
def test_imports_name_what_they_import(path):
    for module, name in imports(path):
        assert name != '*', f'{path} imports everything of {module}'
        assert module.split('.')[0] not in ('tests', 'tools', 'configs'), f'{path} imports {module}'


@pytest.mark.parametrize('path', MODULES, ids=dotted)
def test_files_are_short(path):
    assert len(path.read_text(encoding='utf-8').splitlines()) <= 350


@pytest.mark.parametrize('path', [path for path in MODULES if path.name != '__init__.py'], ids=dotted)
def test_every_module_has_its_test(path):
    """In the mirrored file, or in a test beside it that imports something of the module."""
    folder = ROOT / 'tests' / path.parent.relative_to(ROOT / 'mmdel')
    if (folder / f'test_{path.name}').is_file():
        return
    module, _, stem = dotted(path).rpartition('.')
    definitions = (ast.ClassDef, ast.FunctionDef)
    own = {node.name for node in ast.parse(path.read_text(encoding='utf-8')).body if isinstance(node, definitions)}
    for test in folder.glob('test_*.py'):
        for source, name in imports(test):
            if source == dotted(path) or (source == module and name in own | {stem}):
                return
    pytest.fail(f'no test in {folder} is called test_{path.name} or imports something of {dotted(path)}')


def test_order_is_really_checked():
    """An upward import would be seen."""
    assert layer('mmdel.models.layers.attention') == 'models.layers'
    assert layer('mmdel.models.data_preprocessor') == 'models.data_preprocessor'
    assert layer('mmdel.datasets.transforms.loading') == 'datasets'
    assert 'datasets' not in MAY_IMPORT['models.heads'] and 'models.heads' not in MAY_IMPORT['models.layers']
    assert layers_imported(ROOT / 'mmdel/models/necks/pan.py') >= {'models.layers', 'registry'}
