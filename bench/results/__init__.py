"""What a run found: the shapes of results.json."""
