"""Events in files: one table of events, and everybody's formats."""

from mmdel.events.events import Event, Events, Video

__all__ = ['Event', 'Events', 'Video']
