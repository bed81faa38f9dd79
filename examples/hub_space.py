"""The `app.py` of a Space on Hugging Face, with the offline model behind it. It needs `phi4-space[server]`.

    python hub_space.py

serves the same page on this machine; docs/own-space.md tells what else goes to the Hub.
"""

from phi4_server.app import build
from phi4_server.bounds import DEFAULTS
from phi4_server.offline.model import OfflineModel
from phi4_server.page import EXAMPLES

build(OfflineModel()).launch(
    allowed_paths=[str(EXAMPLES)], max_file_size=DEFAULTS.file, state_session_capacity=DEFAULTS.sessions
)
