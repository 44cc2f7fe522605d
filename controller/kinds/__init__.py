"""The kinds: one folder each, alike inside; `registry` is the only list of them."""
