"""Small files of the nested formats, written by hand from their public descriptions, and what reads such a file."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

from mmdel.events.raw import RawEvents
from mmdel.events.source import Source

MMACTION = {
    'v_--1DO2V4K74': {
        'duration_second': 211.53,
        'duration_frame': 6337,
        'annotations': [{'segment': [30.025882995319815, 205.2318595943838], 'label': 'Rock climbing'}],
        'feature_frame': 6336,
        'fps': 30.0,
        'rfps': 29.9579255898,
    },
    'v_quiet': {'duration_second': 26.75, 'duration_frame': 647, 'annotations': [], 'feature_frame': 624, 'fps': 24.0},
}
HACS = {
    'database': {
        '--0edUL8zmA': {
            'annotations': [{'label': 'Dodgeball', 'segment': [5.4, 11.6]}],
            'subset': 'training',
            'duration': '92.166667',
            'url': 'https://www.youtube.com/watch?v=--0edUL8zmA',
        }
    }
}
FINEACTION = {
    'database': {
        'v_00000001': {
            'filename': 'v_00000001.mp4',
            'annotations': [{'label': 'cut and clean hoof', 'segment': [1.2, 3.4]}],
            'subset': 'validation',
            'duration': 30.5,
        }
    }
}
CHARADES = {
    '7UPGT': {'subset': 'training', 'duration': 33.0, 'actions': [[40, 0.0, 11.4], [0, 3, 9.5]]},
    '0007': {'subset': 'testing', 'duration': 12.46, 'actions': []},
}
CHARADES_CSV = """\
id,subject,scene,quality,relevance,verified,script,objects,descriptions,actions,length
46GP8,HR43,Kitchen,6,7,Yes,"A person, cooking.
They say ""food"".",food;stove,A person cooks food.;,c092 11.90 21.20;c147 0.00 12.60,24.83
N11GT,0KZ7,Stairs,,,No,Nobody is there.,,,,18.33
"""
EGO4D_MQ = {
    'version': '1',
    'date': '210907',
    'description': 'Moments Annotations (train)',
    'videos': [
        {
            'video_uid': '5e5fa0e4',
            'split': 'train',
            'clips': [
                {
                    'clip_uid': 'd36bef1f',
                    'video_start_sec': 300.02,
                    'video_end_sec': 780.02,
                    'video_start_frame': 9001,
                    'video_end_frame': 23401,
                    'annotations': [
                        {
                            'annotator_uid': 'ab12',
                            'labels': [
                                {
                                    'start_time': 10.5,
                                    'end_time': 20.25,
                                    'label': 'use_phone',
                                    'video_start_time': 310.52,
                                    'video_end_time': 320.27,
                                    'primary': True,
                                },
                                {
                                    'start_time': 0.0,
                                    'end_time': 1.0,
                                    'label': 'walk',
                                    'video_start_time': 300.02,
                                    'video_end_time': 301.02,
                                    'primary': False,
                                },
                            ],
                        },
                        {'annotator_uid': 'cd34', 'labels': []},
                    ],
                },
                {'clip_uid': 'early', 'video_start_sec': -0.02, 'video_end_sec': 8.0, 'annotations': []},
            ],
        }
    ],
}
JAMS = {
    'annotations': [
        {
            'annotation_metadata': {'curator': {'name': '', 'email': ''}},
            'namespace': 'scaper',
            'data': [
                {
                    'time': 0,
                    'duration': 10.0,
                    'value': {'label': 'park', 'role': 'background', 'source_file': 'park.wav', 'snr': 0},
                    'confidence': 1.0,
                },
                {
                    'time': 1.1,
                    'duration': 2.2,
                    'value': {'label': 'siren', 'role': 'foreground', 'source_file': 'siren.wav', 'snr': 6.5},
                    'confidence': 1.0,
                },
            ],
            'sandbox': {},
            'time': 0,
            'duration': 10.0,
        },
        {
            'namespace': 'tag_open',
            'data': {'time': [0.0, 5], 'duration': [4, 1.5], 'value': ['rain', 3], 'confidence': [0.5, None]},
        },
        {'namespace': 'beat', 'data': [{'time': 0.5, 'duration': 0, 'value': 1, 'confidence': None}]},
    ],
    'file_metadata': {'title': 'A park', 'duration': 10.0, 'jams_version': '0.3.4', 'identifiers': {}},
    'sandbox': {'scaper': {'seed': 1}},
}
SOUND_REGION = {
    'original_length': 12.5,
    'value': {'start': 0.75, 'end': 3.1, 'channel': 0, 'labels': ['Dog', 'Loud']},
    'id': 'a1',
    'from_name': 'labels',
    'to_name': 'audio',
    'type': 'labels',
    'origin': 'manual',
}
LABEL_STUDIO = [
    {
        'id': 1,
        'annotations': [
            {
                'id': 11,
                'completed_by': 2,
                'was_cancelled': False,
                'result': [
                    SOUND_REGION,
                    {
                        'value': {'start': 0.75, 'end': 3.1, 'text': ['woof']},
                        'id': 'a1',
                        'type': 'textarea',
                        'to_name': 'audio',
                    },
                ],
            },
            {'id': 12, 'was_cancelled': True, 'result': []},
        ],
        'predictions': [],
        'file_upload': '3f2a91bc-yard.wav',
        'data': {'audio': '/data/upload/1/3f2a91bc-yard.wav'},
    },
    {'id': 2, 'annotations': [], 'data': {'audio': 's3://sounds/550e8400-e29b.wav', 'note': 'quiet'}},
]
TIMELINE_REGION = {
    'value': {'ranges': [{'start': 1, 'end': 50}, {'start': 101, 'end': 101}], 'timelinelabels': ['walk']},
    'id': 'b1',
    'type': 'timelinelabels',
}
LABEL_STUDIO_TIMELINE = [
    {
        'data': {'video': 'https://host/my%20videos/gym.mp4?X-Key=1/2'},
        'annotations': [{'result': [TIMELINE_REGION], 'completed_by': 1}],
    }
]
VIA3 = {
    'project': {
        'pid': '__VIA_PROJECT_ID__',
        'pname': 'Kitchen',
        'data_format_version': '3.1.1',
        'vid_list': ['1', '2'],
    },
    'config': {'file': {'loc_prefix': {'1': '', '2': '', '3': '', '4': ''}}},
    'attribute': {
        '1': {
            'aname': 'Activity',
            'anchor_id': 'FILE1_Z2_XY0',
            'type': 4,
            'options': {'1': 'Break Egg', '2': 'Cut Garlic'},
            'default_option_id': '',
        },
        '2': {'aname': 'Object', 'anchor_id': 'FILE1_Z1_XY1', 'type': 1, 'options': {}},
    },
    'file': {
        '1': {'fid': '1', 'fname': 'cooking/omelette.mp4', 'type': 4, 'loc': 1, 'src': ''},
        '2': {'fid': '2', 'fname': 'talk.ogg', 'type': 8, 'loc': 1, 'src': ''},
    },
    'view': {'1': {'fid_list': ['1']}, '2': {'fid_list': [2]}},
    'metadata': {
        '1_aaaa': {'vid': '1', 'flg': 0, 'z': [4.2, 6.5], 'xy': [], 'av': {'1': '1'}},
        '1_bbbb': {'vid': '1', 'flg': 0, 'z': [1.5], 'xy': [2, 10, 10, 50, 50], 'av': {'2': 'egg'}},
    },
}
CVAT = """\
<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <task>
      <id>7</id><name>street</name><size>40</size><mode>interpolation</mode>
      <start_frame>0</start_frame><stop_frame>39</stop_frame><frame_filter></frame_filter>
      <source>street_1.mp4</source>
    </task>
  </meta>
  <track id="0" label="car" source="manual">
    <box frame="2" keyframe="1" outside="0" occluded="0" xtl="1.0" ytl="1.0" xbr="9.0" ybr="9.0"/>
    <box frame="3" keyframe="0" outside="0" occluded="0" xtl="1.0" ytl="1.0" xbr="9.0" ybr="9.0"/>
    <box frame="4" keyframe="1" outside="1" occluded="0" xtl="1.0" ytl="1.0" xbr="9.0" ybr="9.0"/>
    <box frame="30" keyframe="1" outside="0" occluded="0" xtl="1.0" ytl="1.0" xbr="9.0" ybr="9.0"/>
    <box frame="39" keyframe="1" outside="0" occluded="0" xtl="1.0" ytl="1.0" xbr="9.0" ybr="9.0"/>
  </track>
</annotations>
"""


def encode(content: Any) -> bytes:
    """A file with this content: a text as it is, all else as JSON."""
    return (content if isinstance(content, str) else json.dumps(content)).encode()


# The format, and what sort of it after a space → (the file's name, its content).
SAMPLES = {
    name: (file, encode(content))
    for name, file, content in (
        ('mmaction', 'anet_anno_val.json', MMACTION),
        ('activitynet HACS', 'HACS_segments_v1.1.1.json', HACS),
        ('activitynet FineAction', 'annotations_gt.json', FINEACTION),
        ('charades', 'charades.json', CHARADES),
        ('charades_csv', 'Charades_v1_train.csv', CHARADES_CSV),
        ('ego4d_mq', 'moments_train.json', EGO4D_MQ),
        ('jams', 'soundscape.jams', JAMS),
        ('label_studio', 'project-1.json', LABEL_STUDIO),
        ('label_studio timeline', 'project-2.json', LABEL_STUDIO_TIMELINE),
        ('via3', 'via_project.json', VIA3),
        ('cvat', 'annotations.xml', CVAT),
    )
}


def read_content(module: ModuleType, folder: Path, content: Any, name: str = 'file.json', **options: Any) -> RawEvents:
    """What a format reads from a file of this content."""
    path = folder / name
    path.write_bytes(encode(content))
    return module.read(Source(path), **options)


def rows_of(raw: RawEvents) -> list[tuple]:
    """(video, start, end, label, place) of each event."""
    return list(zip(*raw.rows(), strict=True))
