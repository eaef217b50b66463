"""The table of formats as a whole."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from mmdel.events.formats import NO, load_formats

FORMATS = load_formats()


@pytest.mark.parametrize('name', FORMATS)
def test_a_format_is_what_its_module_says(name):
    module, kind = FORMATS[name], FORMATS[name].FORMAT
    assert kind.name == name == module.__name__.rsplit('.', 1)[-1]
    assert kind.suffixes and all(suffix.startswith('.') for suffix in kind.suffixes)
    assert kind.keeps <= {'score', 'duration', 'fps', 'subset', 'extra', 'empty', 'unlabelled'}
    assert kind.writes == hasattr(module, 'write') and next(iter(inspect.signature(module.read).parameters)) == 'source'
    assert NO == 0


def test_the_formats_need_no_further_package():
    code = 'import sys; from mmdel.events.formats import load_formats; load_formats(); print(*sys.modules)'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    roots = {name.partition('.')[0] for name in done.stdout.split()}
    assert not roots & {'pympi', 'praatio', 'webvtt', 'pandas', 'jams', 'matplotlib'}
