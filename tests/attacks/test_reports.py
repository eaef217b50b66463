"""Hostile texts in reports: a page is built of the same parts, whatever the data say. In a browser, see integration."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from documented import documented
from hostile_texts import HOSTILE

from mmdel.events import Events, Video
from mmdel.visualization.report import write_report


class Parts(HTMLParser):
    """The tags of a page with their attributes, and the blocks of JSON."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list = []
        self.blocks: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, attrs))

    def handle_endtag(self, tag):
        self.tags.append(tag)

    def handle_comment(self, data):
        self.tags.append('comment')

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] == 'script' and self.tags[-1][1]:
            self.blocks.append(data)


def parts_of(text, folder):
    """The tags and the content of a report in which a text stands wherever one may."""
    events = Events.from_rows([(text, 0, 1, text, 0.5)], [Video(text, 9.0, subset=text)])
    media, provenance = {text: folder / f'{text[:99]}.mp4'}, {text: text}
    path = write_report(folder / 'r.html', events, events, media, text, overwrite=True, provenance=provenance)
    parts = Parts()
    parts.feed(path.read_text(encoding='utf-8'))
    (content,) = parts.blocks
    return parts.tags, json.loads(content)


@pytest.mark.parametrize('name', HOSTILE)
def test_it_is_data_and_never_a_part_of_the_page(name, tmp_path):
    text = HOSTILE[name]
    tags, content = parts_of(text, tmp_path)
    assert tags == parts_of('harmless', tmp_path)[0]
    assert content['title'] == text and content['labels'] == [text] and content['provenance'] == {text: text}
    (video,) = content['videos']
    assert (video['id'], video['subset']) == (text, text)
    assert not set(video['media']) & set('<>"\'`&: \n\\')


def test_every_one_of_them_stands_in_the_docs():
    assert documented('Texts in reports').keys() == HOSTILE.keys()
