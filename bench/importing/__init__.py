"""Recordings from other software: a CSV file becomes a sealed recording like any other, marked as imported.

`read_table` reads the file, `import_recording` writes `recording.sqlite`; evaluation knows nothing of either.
"""
