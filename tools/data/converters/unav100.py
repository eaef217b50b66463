"""UnAV-100 (Geng et al. 2023) as it is released: one annotation file, and a folder of features of all kinds."""

from __future__ import annotations

from converters.layout import Content, DatasetLayout, require
from converters.sources import FeatureFiles, Sources


def read_annotations(sources: Sources) -> dict[str, Content]:
    """The annotation file of the release, as it is."""
    return {'annotations/unav100_annotations.json': require(sources, 'unav100_annotations.json')}


def _features(kind: str, channels: int) -> FeatureFiles:
    return FeatureFiles(f'av_features/{{id}}_{kind}.npy', (f'{{id}}_{kind}.npy',), channels)


LAYOUT = DatasetLayout(
    name='unav100',
    root_variable='MMDEL_UNAV100_ROOT',
    streams=dict(visual=(_features('rgb', 1024), _features('flow', 1024)), audio=(_features('vggish', 128),)),
    read_annotations=read_annotations,
    configs=('del_unav100',),
    visual_configs=('ablations/del_unav100_visual',),
)
