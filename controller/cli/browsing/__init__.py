"""`browse`: applications in a terminal, screens to walk through; nothing is written.

Only this room imports textual, which an extra installs.
"""
