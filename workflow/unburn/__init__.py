"""unburn: takes burned-in text out of medical images and identity out of their headers."""

import logging
import warnings

__version__ = "0.1.0"

# pydicom, its decoders and highdicom quote values of the header in warnings and log lines; those
# must not reach a log, which is shown to others.
for _name in ("pydicom", "pylibjpeg", "libjpeg", "openjpeg", "rle", "highdicom"):
    logging.getLogger(_name).addHandler(logging.NullHandler())
    logging.getLogger(_name).propagate = False
for _module in (r"pydicom\b", r"pylibjpeg\b", r"highdicom\b"):
    warnings.filterwarnings("ignore", module=_module)
