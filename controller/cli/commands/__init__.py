"""The commands, a file each: what can be typed, and what is done; `table` lists them.

Importing one must cost nothing: what it does is imported when it runs.
"""
