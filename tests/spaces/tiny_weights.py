"""A Space in front of the weights in a folder: what `--model FOLDER` is, for as long as that is not there.

python tests/spaces/tiny_weights.py FOLDER --port 7861     (the options are those of `python -m phi4_server`)
"""

from __future__ import annotations

import sys

from phi4_server.__main__ import main
from phi4_server.weights.model import WeightsModel
from phi4_server.weights.settings import WeightsSettings

if __name__ == "__main__":
    settings = WeightsSettings(model=sys.argv[1], device="cpu", dtype="float32")
    sys.exit(main(sys.argv[2:], models={"weights": lambda: WeightsModel(settings)}))
