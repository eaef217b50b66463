# UnAV's detector on UnAV-100, as published.
_base_ = ['_base_/schedule.py', '_base_/datasets/unav100.py', '_base_/models/unav.py']
