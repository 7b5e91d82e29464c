"""Time series: the port of the sample store, its implementations, and the arithmetic of a query.

Nothing here measures (that is `control/sampling.py`), and no driver and no SQL of the twin belongs here.
"""
