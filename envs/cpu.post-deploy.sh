#!/bin/bash
# Snakemake runs this in the new environment (it finds the file by its name).
# rapidocr-onnxruntime asks for opencv-python, which needs GUI libraries that servers lack.
# opencv-python-headless, the same library, is there already: so without what it asks for.
set -euo pipefail
python -m pip install --no-deps rapidocr-onnxruntime==1.4.4
