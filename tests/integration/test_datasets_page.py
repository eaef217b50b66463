"""What the pages on data tell to write works: their configs train a step, their tables are read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import tiny_data
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS, MODELS, init_default_scope

from mmdel.events.annotations import parse_annotations
from mmdel.events.formats.table_layout import read_tables
from mmdel.events.reading import read_raw

ROOT = Path(__file__).resolve().parents[2]
PAGE = ''.join((ROOT / f'docs/{name}.md').read_text(encoding='utf-8') for name in ('datasets', 'custom_data'))
BLOCKS = re.findall(r'```python\n(.*?)```', PAGE, re.DOTALL)
CONFIGS = dict(re.match(r'# file: configs/(\w+)\.py\n(.*)', x, re.DOTALL).groups() for x in BLOCKS if 'file:' in x)
TABLES = [re.match(r'(?:# (.*?)\n)?(.*)', block, re.DOTALL).groups() for block in BLOCKS if 'csv=' in block]
HEADERS = {
    None: 'video,start,end,label,subset\na.wav,1,2,x,train\n',
    'LFAV, sound': 'filename\tonset\toffset\tevent_labels\na\t1\t2\tx\n',
    'AVE: no header, ten seconds a video': 'x&a&good&1&2\n',
    'EPIC-Sounds': 'video_id,start_timestamp,stop_timestamp,class,class_id\na,0:00:01,00:00:02.0,x,0\n',
    'EPIC-Kitchens-100, its official tables as they are': (
        'video_id,start_timestamp,stop_timestamp,verb,verb_class\na,0:00:01,00:00:02.0,put-x,0\n'
    ),
}


@pytest.mark.parametrize('name', CONFIGS)
def test_a_config_of_the_page_trains(name, tmp_path, monkeypatch):
    monkeypatch.delenv('MMDEL_ANET13_ROOT', raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / f'{name}.py').write_text(CONFIGS[name])
    cfg = Config.fromfile(tmp_path / f'{name}.py')
    streams = cfg.train_dataloader.dataset.streams
    assert cfg.test_dataloader.dataset.streams == streams
    tiny_data.write_data_of(cfg)
    init_default_scope(cfg.default_scope)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    model = MODELS.build(cfg.model)
    assert model.backbone.in_channels == {key: stream.channels for key, stream in streams.items()}
    item = dataset[0]
    batch = model.data_preprocessor(
        dict(inputs={key: [x] for key, x in item['inputs'].items()}, data_samples=[item['data_samples']])
    )
    losses = model(**batch, mode='loss')
    assert all(torch.isfinite(value).all() for value in losses.values()) and losses['num_pos'] > 0


@pytest.mark.parametrize(('name', 'text'), TABLES, ids=[name or 'plain' for name, _ in TABLES])
def test_a_table_of_the_page_is_read(name, text, tmp_path):
    annotations = dict(Config.fromstring(text, '.py').annotations)
    ann_file = tmp_path / annotations['ann_file']
    ann_file.parent.mkdir(parents=True)
    csv = annotations['csv'].to_dict()
    for subset in csv.get('subsets', ['']):
        rows = HEADERS[name].replace('&a&', f'&{subset}&').replace('\na', f'\n{subset or "a"}')
        Path(str(ann_file).replace('{subset}', subset)).write_text(rows)
    (ann_file.parent / 'EPIC_100_video_info.csv').write_text('video_id,duration,fps\ntrain,9,50\nvalidation,9,50\n')
    (ann_file.parent / 'EPIC_100_verb_classes.csv').write_text('id,key\n0,x\n')
    raw = read_tables(str(ann_file), csv)
    assert raw.videos
    for video_id, fields in raw.videos.items():
        assert fields['subset'] == ('train' if video_id == 'a' else video_id)
        annotations = parse_annotations(raw, [fields['subset']], measure=lambda *_: 9.0)
        assert [record['segments_sec'].tolist() for record in annotations.records()] == [[[1, 2]]]
        assert annotations.classes == ('x',)


def test_the_annotations_of_the_page_are_read(tmp_path):
    (text,) = re.findall(r'```json\n(.*?)```', PAGE, re.DOTALL)
    (tmp_path / 'x.json').write_text(text)
    for name in ('train', 'val'):
        annotations = parse_annotations(read_raw(tmp_path / 'x.json'), [name])
        assert annotations.classes == ('dog barking', 'rain') and len(annotations.records()) == 1
    assert len(text.strip().splitlines()) <= 10 and json.loads(text)


def test_the_pages_name_configs_and_tools_that_there_are():
    for name in re.findall(r'(?:configs|tools)/[\w/]+\.py', PAGE):
        assert (ROOT / name).is_file() or Path(name).stem in CONFIGS
    for name in re.findall(r'`((?:ablations/)?del_\w+)`', PAGE):
        assert (ROOT / f'configs/{name}.py').is_file(), name
