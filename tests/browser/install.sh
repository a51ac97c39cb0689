#!/usr/bin/env bash
# Chromium and axe-core for the tests of the pages, where apt-get and npm are at hand. What is
# missing in the end, the tests say, and skip.
set -euo pipefail
cd "$(dirname "$0")"

say() { echo "$*" >&2; }
if ! command -v chromium chromium-browser google-chrome >/dev/null; then
    as_root=(); [ "$(id -u)" = 0 ] || as_root=(sudo -n)
    "${as_root[@]}" apt-get update -qq \
        && "${as_root[@]}" apt-get install -y -qq --no-install-recommends chromium >/dev/null \
        || say "Chromium is missing and could not be installed; install the package chromium"
fi
if [ ! -f node_modules/axe-core/axe.min.js ]; then
    npm ci --ignore-scripts --no-audit --no-fund >/dev/null \
        || say "axe-core could not be installed; it needs npm and its registry"
fi
