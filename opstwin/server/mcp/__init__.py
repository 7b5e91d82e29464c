"""The Model Context Protocol over the registry of tools: what is offered, how calls are answered, what can be read.

It holds no rules of its own: every call goes through `tools.guard`, every change through the gate behind it.
"""
