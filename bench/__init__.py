"""The bench: from plan to report.

Its matrices are of some hundred rows. More threads than one make them no faster, and several processes, as of a study
or of pytest's workers, would spend most of their time waiting for each other's. Whoever wants more says so in the
environment.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
