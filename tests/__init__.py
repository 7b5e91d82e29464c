"""The tests.

`unit` is pure, `contract` holds one suite per port, `interaction` runs the whole hub in process, `e2e` is real.
"""
