"""What happened: reads a run and reports its outcome, cost and latency."""
