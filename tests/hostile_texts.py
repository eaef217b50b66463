"""Texts of classes, videos and files that try to be a part of a page, or to run."""

from __future__ import annotations

HOSTILE = {
    'end of a script': '</script><script>window.hacked=1</script>',
    'image': '<img src=x onerror="window.hacked=1">',
    'address': 'javascript:window.hacked=1',
    'quotes': '"\'`;window.hacked=1;//',
    'comment': '<!--<script>',
    'template': '{{scripts}}{{policy}}${window.hacked=1}',
    'character codes': '&lt;b&gt;&#x3c;\\u003c',
    'right to left': 'שלום עולם',
    'marks of direction': '\u202eabc\u2066',
    'emoji': '👩‍👩‍👧 🎉',
    'line ends': 'a\u2028b\u2029c\nd\x00\x1b[31m',
    'half a character': '\udce9x',
    'path': '../../etc/passwd',
    'long': 'x' * 300,
    'long words': 'word ' * 60,
}
