"""Events in files: one table of events, and everybody's formats."""

from mmdel.events.events import Event, Events, Video
from mmdel.events.reading import read_events
from mmdel.events.writing import write_events

__all__ = ['Event', 'Events', 'Video', 'read_events', 'write_events']
