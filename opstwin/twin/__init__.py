"""The digital twin: the store port, its SQL and in-memory implementations, migrations, the audit chain.

SQL lives here and nowhere else; decisions do not live here.
"""
