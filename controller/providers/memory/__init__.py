"""Servers made of machines in memory, for rehearsals and tests."""
