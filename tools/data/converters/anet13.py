"""ActivityNet-1.3 (Heilbron et al. 2015) with TSP features, from ActionFormer's archive or the official annotations."""

from __future__ import annotations

from converters.layout import VGGISH, Content, DatasetLayout, require
from converters.sources import FeatureFiles, Sources
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import read_json

SCORE_FILE = 'cuhk_val_simp_share.json'


def read_annotations(sources: Sources) -> dict[str, Content]:
    """ActionFormer's or the official file as it is; the class scores of whole videos by CUHK's team, if found."""
    content: dict[str, Content] = {
        'annotations/anet1.3_tsp_filtered.json': require(
            sources, 'anet1.3_tsp_filtered.json', 'activity_net.v1-3.min.json'
        )
    }
    path = sources.find(SCORE_FILE)
    if path is not None:
        scores = read_json(path, 'video scores')
        if not isinstance(scores, dict) or not {'class', 'results'} <= scores.keys():
            raise UserInputError(f"{path} needs the keys 'class' and 'results'")
        content['annotations/video_scores.json'] = dict(classes=scores['class'], scores=scores['results'])
    return content


LAYOUT = DatasetLayout(
    name='anet13',
    root_variable='MMDEL_ANET13_ROOT',
    streams=dict(
        visual=(
            FeatureFiles(
                'tsp_features/v_{id}.npy',
                ('v_{id}.npy', '{id}.npy'),
                512,
                words=('tsp',),
                other_words=('vggish', 'audio'),
            ),
        ),
        audio=(VGGISH,),
    ),
    read_annotations=read_annotations,
    configs=('del_anet13',),
    visual_configs=('del_anet13_visual',),
    optional={
        'annotations/video_scores.json': f'There is no {SCORE_FILE} with class scores of whole videos, which the '
        'configs take: docs/datasets.md tells how to do without.'
    },
)
