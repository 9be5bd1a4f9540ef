"""The Acme pump on pumpbench."""
