"""From the files that were downloaded to the layouts that the configs name."""

from converters import anet13, epic100, thumos14, unav100
from converters.layout import DatasetLayout, Plan, make_plan
from converters.sources import Sources

LAYOUTS = {module.LAYOUT.name: module.LAYOUT for module in (unav100, thumos14, anet13, epic100)}

__all__ = ['LAYOUTS', 'DatasetLayout', 'Plan', 'Sources', 'make_plan']
