"""The registry of guarded tools, each declared once, and the guard every call goes through.

Business rules do not belong here; they live in `opstwin.control`.
"""
