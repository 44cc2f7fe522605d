"""Revisions of a component: what Application, ServerSet and Operation share about them."""
