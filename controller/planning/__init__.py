"""Pure decisions: a Snapshot in, a Plan out."""
