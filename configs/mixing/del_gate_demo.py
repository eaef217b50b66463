# DEL whose gate is taught by the events: 1 for two steps of one event, 0 for others.
_base_ = ['../del_demo.py']

default_hooks = dict(gate=dict(type='mmdel.GateSupervisionHook', weight=0.1))
