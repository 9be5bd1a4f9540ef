"""What several procedures drive, weigh and foretell alike."""
