"""The tables of docs/reliability.md, for the tests whose cases stand in them."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / 'docs/reliability.md'


def documented(heading: str) -> dict[str, str]:
    """The first cell of each row of the table under a heading → the rest of the row, without back-quotes."""
    _, _, section = PAGE.read_text(encoding='utf-8').partition(f'# {heading}\n')
    rows = re.findall(r'^\| (.*?) \| (.*) \|$', section.partition('\n#')[0], re.MULTILINE)
    return {name.replace('`', ''): rest.replace('`', '').replace('\\|', '|') for name, rest in rows[1:]}
