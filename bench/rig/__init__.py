"""Rigs: which instruments stand on the bench, where, with which calibration."""
