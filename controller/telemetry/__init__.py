"""The operator's account of itself: log lines, metrics, probes. A leaf: it knows no layer."""
