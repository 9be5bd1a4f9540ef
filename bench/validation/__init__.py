"""Validation of the method: references, and a study on twins whose every error is drawn from what a rig declares."""
