"""The doctor: every defect of a data set that a config names, found without building it.

Annotation files are read raw, so that one broken entry does not hide the others, and feature files are opened once, in
several processes.
"""

from mmdel.datasets.checks.annotations import Annotations, Video, check_annotations
from mmdel.datasets.checks.cleaning import clean, write_cleaned
from mmdel.datasets.checks.defects import KINDS, Defect
from mmdel.datasets.checks.diagnosis import Diagnosis, Source, class_list, diagnose
from mmdel.datasets.checks.feature_files import FileFacts, inspect_files
from mmdel.datasets.checks.report import count_severities, defect_table, detail_lines, to_dict, write_json
from mmdel.datasets.checks.statistics import annotation_tables, file_statistics

__all__ = [
    'KINDS',
    'Annotations',
    'Defect',
    'Diagnosis',
    'FileFacts',
    'Source',
    'Video',
    'annotation_tables',
    'check_annotations',
    'class_list',
    'clean',
    'count_severities',
    'defect_table',
    'detail_lines',
    'diagnose',
    'file_statistics',
    'inspect_files',
    'to_dict',
    'write_cleaned',
    'write_json',
]
