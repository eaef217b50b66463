"""THUMOS14 (Idrees et al. 2017) with I3D features, from ActionFormer's archive or OpenTAD's files."""

from __future__ import annotations

from pathlib import Path

from converters.layout import VGGISH, Content, DatasetLayout, require
from converters.sources import FeatureFiles, Sources
from mmdel.events import Events, Video
from mmdel.events.reading import read_events
from mmdel.utils.errors import UserInputError

OPENTAD_FILE = 'thumos_14_anno.json'


def read_annotations(sources: Sources) -> dict[str, Content]:
    """ActionFormer's file as it is, or OpenTAD's with the subsets' own names and the frame rates."""
    found = require(sources, 'thumos14.json', OPENTAD_FILE)
    return {'annotations/thumos14.json': _from_opentad(found) if found.name == OPENTAD_FILE else found}


def _from_opentad(path: Path) -> Events:
    """OpenTAD calls the validation videos, which are trained on, training, and the test videos validation."""

    def as_ours(video: Video) -> Video:
        frames = video.extra.get('frame')
        if not isinstance(frames, (int, float)) or not video.duration_sec:
            raise UserInputError(f'{path}, video {video.video_id}: needs numbers "frame" and "duration"')
        subset = 'val' if video.video_id.startswith('video_validation') else 'test'
        return Video(video.video_id, video.duration_sec, round(frames / video.duration_sec, 2), subset)

    return read_events(path).with_videos(as_ours)


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
    configs=('del_thumos14',),
    visual_configs=('del_thumos14_visual',),
)
