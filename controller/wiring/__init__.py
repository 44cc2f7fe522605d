"""kopf handlers of a few lines: they say which key to look at."""
