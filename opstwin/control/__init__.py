"""Discover, plan, approve, apply, verify, roll back, reconcile.

Transport does not belong here. Only `opstwin.control.applying` is ever given a `Writer`.
"""
