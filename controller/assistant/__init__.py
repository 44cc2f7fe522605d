"""The answers of `presentation`, as tools for an assistant: read-only, with one person's rights.

`kubectl argosy mcp` comes here. The words are those of the command line and the dashboard.
"""
