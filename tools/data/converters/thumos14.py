"""THUMOS14 (Idrees et al. 2017) with I3D features, from ActionFormer's archive or OpenTAD's files."""

from __future__ import annotations

from pathlib import Path

from converters.layout import VGGISH, Content, DatasetLayout, require
from converters.sources import FeatureFiles, Sources
from mmdel.datasets.annotation_file import load_database
from mmdel.utils.errors import UserInputError

OPENTAD_FILE = 'thumos_14_anno.json'


def read_annotations(sources: Sources) -> dict[str, Content]:
    """ActionFormer's file as it is, or OpenTAD's with the subsets' own names and the frame rates."""
    found = require(sources, 'thumos14.json', OPENTAD_FILE)
    return {'annotations/thumos14.json': _from_opentad(found) if found.name == OPENTAD_FILE else found}


def _from_opentad(path: Path) -> dict:
    """OpenTAD calls the validation videos, which are trained on, training, and the test videos validation."""
    database = {}
    for video_id, entry in load_database(str(path)).items():
        subset = 'Validation' if video_id.startswith('video_validation') else 'Test'
        try:
            fps = round(entry['frame'] / entry['duration'], 2)
        except (KeyError, TypeError, ZeroDivisionError) as error:
            raise UserInputError(f'{path}, video {video_id}: needs numbers "frame" and "duration"') from error
        database[video_id] = dict(
            subset=subset, duration=entry['duration'], fps=fps, annotations=entry.get('annotations') or []
        )
    return dict(version='THUMOS14, from OpenTAD', database=database)


LAYOUT = DatasetLayout(
    name='thumos14',
    root_variable='MMDEL_THUMOS14_ROOT',
    streams=dict(
        visual=(
            FeatureFiles('i3d_features/{id}.npy', ('{id}.npy',), 2048, words=('i3d',), other_words=('vggish', 'audio')),
        ),
        audio=(VGGISH,),
    ),
    read_annotations=read_annotations,
    configs=('configs/del_thumos14.py',),
    visual_configs=('configs/del_thumos14_visual.py',),
)
