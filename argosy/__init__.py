"""The one module that an installation brings: `__main__` is where its programs begin."""
