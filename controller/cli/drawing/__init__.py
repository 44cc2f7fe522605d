"""The output on a terminal, drawn with rich of what `presentation` tells."""
