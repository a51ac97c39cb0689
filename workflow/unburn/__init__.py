"""unburn: takes burned-in text out of medical images and identity out of their headers."""

import logging
import os
import warnings

__version__ = "0.1.0"

# Libraries look here when they are imported. onnxruntime would give the machine a number, keep it
# in the home folder and report its use to its maker; those of Hugging Face would ask their hub.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

# pydicom, its decoders and highdicom quote values of the header in warnings and log lines; those
# must not reach a log, which is shown to others.
for _name in ("pydicom", "pylibjpeg", "libjpeg", "openjpeg", "rle", "highdicom"):
    logging.getLogger(_name).addHandler(logging.NullHandler())
    logging.getLogger(_name).propagate = False
for _module in (r"pydicom\b", r"pylibjpeg\b", r"highdicom\b"):
    warnings.filterwarnings("ignore", module=_module)
