"""The diagnosis as text, picture and JSON."""

import json

import pytest

from mmdel.evaluation.diagnosis_report import diagnosis_dict, diagnosis_tables, write_diagnosis
from mmdel.evaluation.functional import GroundTruth, Predictions, diagnose

# One true prediction, one of a wrong class, two in the background.
DIAGNOSIS = diagnose(
    GroundTruth([0, 0, 1], [0, 1, 1], [[0, 10], [20, 30], [0, 10]]),
    Predictions([0, 0, 1, 1], [0, 0, 0, 1], [[0, 9], [20, 29], [40, 50], [60, 70]], [0.9, 0.8, 0.7, 0.6]),
    num_classes=2,
)


def test_numbers_are_in_percent():
    values = diagnosis_dict(DIAGNOSIS)
    assert values['mAP'] == pytest.approx(50)
    assert values['share of false positives'] == pytest.approx(
        {'duplicate': 0, 'wrong class': 100 / 3, 'bad boundary': 0, 'both': 0, 'background': 200 / 3}
    )
    assert values['mAP gained']['wrong class'] == pytest.approx(25)
    assert values['sensitivity']['overlap with another event']['none']['found'] == pytest.approx(100 / 3)


def test_table_has_every_kind_and_bucket():
    text = diagnosis_tables(DIAGNOSIS)
    assert 'mAP 50.00' in text and '+25.00' in text and '66.7' in text
    for name in (*DIAGNOSIS.gains, *DIAGNOSIS.sensitivity, *DIAGNOSIS.sensitivity['length']):
        assert name in text


def test_files(tmp_path):
    paths = write_diagnosis(DIAGNOSIS, tmp_path / 'new' / 'folder')
    assert [path.name for path in paths] == ['diagnosis.json', 'diagnosis.txt', 'diagnosis.png']
    assert json.loads(paths[0].read_text()) == diagnosis_dict(DIAGNOSIS)
    assert paths[1].read_text() == diagnosis_tables(DIAGNOSIS) + '\n'
    assert paths[2].read_bytes().startswith(b'\x89PNG')
