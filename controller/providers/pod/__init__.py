"""Servers made of pods: the built-in fleet."""
