"""Points, targets, segment coding and suppression: the small objects that heads are built from."""

from mmdel.models.task_modules.assigner import PointAssigner, PointTargets
from mmdel.models.task_modules.nms import SegmentNMS, fuse_video_scores
from mmdel.models.task_modules.point_generator import PointGenerator, Points
from mmdel.models.task_modules.segment_coder import decode_offsets

__all__ = [
    'PointAssigner',
    'PointGenerator',
    'PointTargets',
    'Points',
    'SegmentNMS',
    'decode_offsets',
    'fuse_video_scores',
]
