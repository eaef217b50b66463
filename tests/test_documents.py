"""Every link leads somewhere, every command is one that works as typed, and no message is without its meaning."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mmdel.events.problems import KINDS

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', ROOT / 'CHANGELOG.md', *sorted((ROOT / 'docs').glob('*.md'))]
CODE = re.compile(r'(?s:```.*?```)|^    .*$', re.MULTILINE)
MEASURED = {'benchmarks.md', 'speed.md', 'studies.md'}
LINK = re.compile(r'\]\(([^)\s]+)\)')


def text_of(page: Path) -> str:
    return page.read_text(encoding='utf-8')


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r'^#+ (.*)$', CODE.sub('', text_of(page)), re.MULTILINE)
    return {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-') for heading in headings}


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_every_relative_link_and_anchor_exists(page):
    broken = []
    for link in LINK.findall(CODE.sub('', text_of(page))):
        path, _, anchor = link.partition('#')
        target = page.parent / path if path else page
        if '://' not in link and not (target.exists() and (not anchor or anchor in anchors(target))):
            broken.append(link)
    assert not broken


def test_every_page_is_linked_from_the_readme():
    linked = {(ROOT / link.partition('#')[0]).resolve() for link in LINK.findall(text_of(ROOT / 'README.md'))}
    assert {page for page in PAGES if page.parent.name == 'docs'} <= linked


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_commands_name_tools_and_configs_that_there_are(page):
    for line in re.findall(r'python (tools/.*)$', text_of(page), re.MULTILINE):
        for name in re.findall(r'(?:tools|configs)/[\w/]+\.(?:py|sh)', line):
            assert (ROOT / name).is_file() or 'NAME' in name, line
    if page.name not in MEASURED:  # elsewhere, with the interpreter that `make install` makes
        assert not re.findall(r'^(?:    )?python ', text_of(page), re.MULTILINE)


def test_the_pictures_are_small():
    for picture in (ROOT / 'docs/images').iterdir():
        assert picture.stat().st_size < 200_000, picture


def test_every_kind_of_problem_and_its_severity_stands_in_the_table():
    rows = {}
    for names, severity in re.findall(
        r'^\| (`.*?) \| (error|warning|info)\b', text_of(ROOT / 'docs/messages.md'), re.M
    ):
        rows |= dict.fromkeys(re.findall(r'`([\w-]+)`', names), severity)
    assert {name: kind.severity for name, kind in KINDS.items()}.items() <= rows.items()


def test_results_of_studies_name_no_folder_of_one_machine():
    results = sorted((ROOT / 'docs' / 'studies').glob('*.json'))
    assert results
    assert not [path.name for path in results if re.search(r'"(?:/|~/|[A-Z]:)', text_of(path))]
