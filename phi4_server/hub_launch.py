"""What Gradio's own `launch` is given on Hugging Face. Knows no model and no page's content.

There the host sees to names, other sites and logins, which `phi4_server.server` sees to elsewhere; and
ZeroGPU packs the weights and reports the Space in that `launch`, so that nothing may take its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phi4_server.bounds import DEFAULTS
from phi4_server.page import EXAMPLES

ON_THE_HUB: Mapping[str, Any] = {
    "allowed_paths": [str(EXAMPLES)],
    "max_file_size": DEFAULTS.file,
    "state_session_capacity": DEFAULTS.sessions,
    "ssr_mode": False,  # a second server in front, which would keep the page's own headers from the browser
}
