"""What a wheel holds: all that a folder without the checkout needs, as files; built directly and from an sdist."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PARTS = ('mmdel', 'configs', 'tools', 'mmdel_cli.py', 'model-index.yml', 'setup.cfg', 'pyproject.toml', 'README.md')
ASSETS = ('bundles', 'visualization/report_assets')  # folders of the package with other files than modules


def build(kind: str, source: Path, out: Path) -> Path:
    """A wheel or sdist of a source tree."""
    code = f'from setuptools import build_meta; print(build_meta.build_{kind}({str(out)!r}))'
    done = subprocess.run([sys.executable, '-c', code], cwd=source, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return out / done.stdout.split()[-1]


@pytest.fixture(scope='module')
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout, since building writes into the tree."""
    copy = tmp_path_factory.mktemp('source')
    ignore = shutil.ignore_patterns('__pycache__')
    for name in (*PARTS, 'LICENSE'):
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, copy / name, symlinks=True, ignore=ignore)
        else:
            shutil.copy(path, copy / name)
    return copy


def contents(wheel: Path) -> dict[str, bytes]:
    """The files of the package in a wheel, none of which is a link."""
    with zipfile.ZipFile(wheel) as archive:
        assert not any((item.external_attr >> 16) & 0o170000 == 0o120000 for item in archive.infolist())
        return {name: archive.read(name) for name in archive.namelist() if '.dist-info/' not in name}


def expected() -> dict[str, bytes]:
    """Each file by its place in a wheel."""
    files = {path.relative_to(ROOT): path for path in (ROOT / 'mmdel').rglob('*.py')}
    files |= {Path('mmdel_cli.py'): ROOT / 'mmdel_cli.py'}
    files |= {Path('mmdel/.mim/model-index.yml'): ROOT / 'model-index.yml'}
    for folder in ('configs', 'tools'):
        for path in (ROOT / folder).rglob('*'):
            if path.suffix in ('.py', '.sh', '.yml'):
                files[Path('mmdel/.mim') / path.relative_to(ROOT)] = path
    for folder in ASSETS:
        files |= {path.relative_to(ROOT): path for path in (ROOT / 'mmdel' / folder).rglob('*') if path.is_file()}
    return {str(name): path.read_bytes() for name, path in files.items() if '__pycache__' not in str(path)}


def test_a_wheel_holds_the_package_with_configs_tools_and_assets(source: Path, tmp_path: Path) -> None:
    files = contents(build('wheel', source, tmp_path))
    assert files == expected()
    assert len([name for name in files if name.startswith('mmdel/.mim/configs/')]) > 50
    assert sum(len(content) for name, content in files.items() if name.startswith('mmdel/bundles/')) < 4e6


def test_one_that_is_built_from_an_sdist_is_the_same(source: Path, tmp_path: Path) -> None:
    with tarfile.open(build('sdist', source, tmp_path)) as archive:
        archive.extractall(tmp_path)
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert contents(build('wheel', folder, tmp_path)) == expected()
