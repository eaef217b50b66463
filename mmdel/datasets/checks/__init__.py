"""The doctor: everything that is wrong with the data sets that a config names.

It asks what loads them, :class:`~mmdel.datasets.EventDataset` and the pipeline, for all their problems instead of the
first, opens each feature file once, in several processes, and compares the videos with one another.
"""

from mmdel.datasets.checks.cleaning import clean, write_cleaned
from mmdel.datasets.checks.diagnosis import Diagnosis, Source, diagnose
from mmdel.datasets.checks.report import count_severities, detail_lines, problem_table, to_dict
from mmdel.datasets.checks.statistics import annotation_tables, file_statistics

__all__ = [
    'Diagnosis',
    'Source',
    'annotation_tables',
    'clean',
    'count_severities',
    'detail_lines',
    'diagnose',
    'file_statistics',
    'problem_table',
    'to_dict',
    'write_cleaned',
]
