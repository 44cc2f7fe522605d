"""The process and what it is made of; kopf, which serves the admission webhook."""
