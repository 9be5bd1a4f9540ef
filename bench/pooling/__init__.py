"""Several runs as one: tables, scatter and tolerance intervals with the pump as the unit."""
