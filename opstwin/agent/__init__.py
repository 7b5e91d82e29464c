"""The planner: a graph that drafts changes in conversation. It holds no authority: every effect goes through a tool."""
