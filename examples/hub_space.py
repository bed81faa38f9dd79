"""The `app.py` of a Space on Hugging Face, with the rehearsal model behind it; docs/own-space.md tells how.

    python hub_space.py        (serves the same page on this machine)
"""

from phi4_server.app import build
from phi4_server.offline import OfflineModel
from phi4_server.page import EXAMPLES

build(OfflineModel()).launch(allowed_paths=[str(EXAMPLES)])
