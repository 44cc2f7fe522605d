"""The kind Build: one image from one commit, made by Jobs, tested, and kept for its component."""
