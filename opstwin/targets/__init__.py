"""Drivers for the places that run things, behind the ports in `opstwin.targets.ports`.

Decisions do not belong here: a driver reads, renders, and does what one journalled step says.
"""
