"""What the tests of formats share: a writer of files, and what is logged."""

from __future__ import annotations

import pytest

from mmdel.events.formats import table, table_layout


@pytest.fixture
def logged(monkeypatch) -> list[str]:
    """The messages of the readers of tables."""
    messages: list[str] = []
    for module in (table, table_layout):
        monkeypatch.setattr(module, 'warn', messages.append)
    return messages


@pytest.fixture
def table_file(tmp_path):
    """Writes files and returns the path of the last."""

    def write(*contents: str, names=('annotations.csv',)) -> str:
        for name, content in zip(names, contents, strict=True):
            (tmp_path / name).write_text(content, encoding='utf-8')
        return str(tmp_path / names[-1])

    return write


@pytest.fixture
def sample(tmp_path):
    """Gives a sample of a format as a source."""
    from events.formats.samples_tables import SAMPLES

    from mmdel.events.source import Source

    def write(name: str) -> Source:
        file, content = SAMPLES[name]
        (tmp_path / file).write_bytes(content)
        return Source(tmp_path / file)

    return write
