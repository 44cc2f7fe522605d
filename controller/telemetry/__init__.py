"""What the operator tells about itself: log lines, metrics, probes. A leaf: it knows no layer."""
