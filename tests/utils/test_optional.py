from __future__ import annotations

import sys

import pytest

from mmdel.utils.errors import UserInputError
from mmdel.utils.optional import require


def test_a_module_that_is_there_is_given():
    assert require('json.decoder', 'x') is sys.modules['json.decoder']


def test_a_package_that_is_missing_is_named_with_the_extra_that_brings_it():
    message = "The package no_such_package is not installed: pip install 'mmdel[media]'"
    with pytest.raises(UserInputError) as caught:
        require('no_such_package.part', 'media')
    assert str(caught.value) == message


def test_a_package_that_cannot_be_imported_says_why(tmp_path, monkeypatch):
    (tmp_path / 'half_a_package.py').write_text("raise ImportError('libx.so.1: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserInputError, match=r'half_a_package cannot be imported \(libx\.so\.1'):
        require('half_a_package', 'media')
