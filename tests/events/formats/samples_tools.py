"""Small files of annotation tools and subtitles, by hand: format and what it shows → name and content."""

ELAN = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2024-05-01T10:00:00+00:00" FORMAT="3.0" VERSION="3.0"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">
    <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
        <MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/my%20data/na%C3%AFve.007.mp4" MIME_TYPE="video/mp4"
            RELATIVE_MEDIA_URL="./na%C3%AFve.007.mp4"/>
        <MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/my%20data/sound.wav" MIME_TYPE="audio/x-wav"/>
        <PROPERTY NAME="lastUsedAnnotationId">5</PROPERTY>
    </HEADER>
    <TIME_ORDER>
        <TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="0"/>
        <TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="780"/>
        <TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="1500"/>
        <TIME_SLOT TIME_SLOT_ID="ts4"/>
        <TIME_SLOT TIME_SLOT_ID="ts5" TIME_VALUE="2340"/>
    </TIME_ORDER>
    <TIER LINGUISTIC_TYPE_REF="default-lt" PARTICIPANT="Ann" TIER_ID="speech">
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts3">
                <ANNOTATION_VALUE>hello &amp; &lt;bye&gt;</ANNOTATION_VALUE>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts3" TIME_SLOT_REF2="ts5">
                <ANNOTATION_VALUE></ANNOTATION_VALUE>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
    </TIER>
    <TIER LINGUISTIC_TYPE_REF="translation" PARENT_REF="speech" TIER_ID="French">
        <ANNOTATION>
            <REF_ANNOTATION ANNOTATION_ID="a3" ANNOTATION_REF="a1">
                <ANNOTATION_VALUE>bonjour</ANNOTATION_VALUE>
            </REF_ANNOTATION>
        </ANNOTATION>
    </TIER>
    <TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="music">
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a4" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts5">
                <ANNOTATION_VALUE/>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a5" TIME_SLOT_REF1="ts3" TIME_SLOT_REF2="ts4">
                <ANNOTATION_VALUE/>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
    </TIER>
    <LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="default-lt" TIME_ALIGNABLE="true"/>
    <LINGUISTIC_TYPE CONSTRAINTS="Symbolic_Association" GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="translation"
        TIME_ALIGNABLE="false"/>
    <CONSTRAINT DESCRIPTION="1-1 association with a parent annotation" STEREOTYPE="Symbolic_Association"/>
</ANNOTATION_DOCUMENT>
"""

TEXTGRID = '''File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 2.3
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "IntervalTier"
        name = "Mary ""M"""
        xmin = 0
        xmax = 2.3
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.75
            text = ""
        intervals [2]:
            xmin = 0.75
            xmax = 1.5e0
            text = "says ""item [2]: xmin = 9"""
        intervals [3]:
            xmin = 1.5
            xmax = 2.3
            text = " "
    item [2]:
        class = "TextTier"
        name = "bell"
        xmin = 0
        xmax = 2.3
        points: size = 1
        points [1]:
            number = 1.25
            mark = "ding"
    item [3]:
        class = "IntervalTier"
        name = "犬"
        xmin = 0
        xmax = 2.3
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 2.3
            text = "bark
bark"
'''

SHORT_TEXTGRID = '''File type = "ooTextFile"
Object class = "TextGrid"

0
2.3
<exists>
3
"IntervalTier" "Mary ""M""" 0 2.3 3 ! the first tier
0 0.75 ""
0.75 1.5e0 "says ""item [2]: xmin = 9"""
1.5
2.3
" "
"TextTier"
"bell"
0
2.3
1
1.25
"ding"
"IntervalTier"
"犬"
0
2.3
1
0
2.3
"bark
bark"
'''

WEBVTT = """WEBVTT - of a dog
Kind: captions

STYLE
::cue(b) { color: red }

NOTE
two lines
of a comment

intro
00:01.500 --> 00:00:04.000 line:0 position:20%
<v Ann O'Neill>rock &amp; <i.loud>roll</i>
<noise>

1:02:03.004 --> 1:02:04.000

00:05.000 --> 00:06.000
犬 &lt;3
"""

SRT = """1
00:00:01,500 --> 00:00:04,000
rock & <i>roll</i>
, live

2
01:02:03,004 --> 01:02:04,000 X1:40 X2:600 Y1:20 Y2:50

3
00:00:05.000 --> 00:00:06.000
犬 <3
"""

RESULTS = """{"version": "VERSION 1.3", "external_data": {"used": false}, "results": {
    "v_1": [{"segment": [1.5, 2], "label": "dog", "score": 0.75}, {"segment": [0, 9], "label": "犬", "score": 1}],
    "v_2": []
}}
"""

SAMPLES = {
    'activitynet_results': ('result.json', RESULTS.encode()),
    'elan': ('elan.eaf', ELAN.encode()),
    'elan Latin-1': ('old.eaf', ELAN.replace('UTF-8', 'ISO-8859-1').replace('hello', 'été').encode('latin-1')),
    'textgrid': ('long.TextGrid', TEXTGRID.encode()),
    'textgrid UTF-16': ('wide.TextGrid', TEXTGRID.encode('utf-16')),
    'textgrid short, BOM, CRLF': ('short.TextGrid', ('\ufeff' + SHORT_TEXTGRID).replace('\n', '\r\n').encode()),
    'webvtt': ('talk.vtt', WEBVTT.encode()),
    'webvtt BOM, CRLF': ('talk.vtt', ('\ufeff' + WEBVTT).replace('\n', '\r\n').encode()),
    'srt': ('talk.srt', SRT.encode()),
    'srt BOM, CRLF': ('talk.srt', ('\ufeff' + SRT).replace('\n', '\r\n').encode()),
}
