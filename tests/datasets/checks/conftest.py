from __future__ import annotations

import pytest
from checkable_data import CheckableData

from mmdel.datasets.checks import diagnose


@pytest.fixture
def data(tmp_path) -> CheckableData:
    return CheckableData(tmp_path / 'data')


@pytest.fixture
def find(data):
    """(kind, video id) of everything that is wrong with the data set as it is now on disk."""

    def find(headers_only=False, **options) -> list[tuple[str, str]]:
        data.save()
        diagnosis = diagnose(data.cfg(**options), headers_only)
        return [(problem.kind, problem.video_id) for problem in diagnosis.problems]

    return find
