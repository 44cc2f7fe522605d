"""What is measured: each trial lets some arms do a job in turns and yields findings."""
