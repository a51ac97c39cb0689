#!/usr/bin/env bash
# Build an image, test it, list what is in it, sign it, write its digest.
#
#     containers/build.sh cpu|gpu [--key PRIVATE.pem] [options of `apptainer build`]
#
# The key is yours and needs no key server:
#     openssl ecparam -name prime256v1 -genkey -noout -out PRIVATE.pem
# Beside containers/cpu.sif it writes cpu.sif.sha256, cpu.cdx.json (what is inside, as CycloneDX) and,
# with a key, cpu.sif.pub for `apptainer verify --key`. Nothing of it is there before all of it works.
set -euo pipefail
cd "$(dirname "$0")/.."

stack=${1:-}
[ "$stack" = cpu ] || [ "$stack" = gpu ] || { sed -n '2,9s/^# \?//p' "$0"; exit 2; }
shift
key=
if [ "${1:-}" = --key ]; then key=$(realpath "$2"); shift 2; fi

image=$stack.sif
made=$(mktemp -d containers/.build.XXXXXX)
trap 'rm -rf "$made"' EXIT

revision=$(git describe --always --dirty 2>/dev/null || echo unknown)
# The last step of a build is the image's %test.
apptainer build --build-arg "REVISION=$revision" "$@" "$made/$image" "containers/$stack.def"
apptainer exec "$made/$image" cat /opt/unburn/sbom.cdx.json >"$made/$stack.cdx.json"
if [ -n "$key" ]; then
    openssl pkey -in "$key" -pubout -out "$made/$image.pub"
    apptainer sign --key "$key" "$made/$image"
    apptainer verify --key "$made/$image.pub" "$made/$image"
else
    rm -f "containers/$image.pub"
    echo "not signed: name a key with --key to let others check where the image comes from"
fi
(cd "$made" && sha256sum "$image" >"$image.sha256")
mv "$made"/* containers/
cat "containers/$image.sha256"
