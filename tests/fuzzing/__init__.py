"""Random cases for everything that reads what others wrote, and for what computes with it: ``tools/fuzz.py`` runs them.

A campaign is a function ``(rng, folder) -> str``: it makes one case of random numbers, tries it, and says what came of
it, ``'done'`` or ``'refused'``. It fails by raising anything, by ending its process, and by taking too long.
"""

from __future__ import annotations

from fuzzing.computing import COMPUTING
from fuzzing.events import EVENTS
from fuzzing.files import FILES
from fuzzing.media import MEDIA_FILES

CAMPAIGNS = {**EVENTS, **FILES, **MEDIA_FILES, **COMPUTING}
