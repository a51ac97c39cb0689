#!/usr/bin/env bash
# A working Apptainer for the tests: the one that is there, or Debian's, installed by root.
#
# Debian has Apptainer in sid only, linked with a newer C library than that of stable. So its two
# programs get the loader and the C library of testing from a folder of their own, and the rest of
# the system stays as it is. Elsewhere install Apptainer as its documentation says.
set -euo pipefail

if command -v apptainer >/dev/null; then exit; fi
libc=/opt/apptainer-libc

say() { echo "$*" >&2; }
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null \
    || { say "Apptainer is missing and can be installed by root on Debian only"; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >&2
apt-get install -qq --yes --no-install-recommends squashfs-tools squashfuse fuse2fs \
    fuse-overlayfs uidmap mmdebstrap patchelf >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }

mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -m1 '/debian/\?$')
mkdir -p "$work"/{lists/partial,archives/partial,sources,preferences}
cat >"$work/sources/newer.sources" <<END
Types: deb
URIs: $mirror
Suites: trixie sid
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
END
cat >"$work/apt.conf" <<END
Dir::State "$work";
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache "$work";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$work/sources";
Dir::Etc::preferencesparts "$work/preferences";
APT::Sandbox::User "root";
END
export APT_CONFIG=$work/apt.conf
apt-get update -qq >&2
(cd "$work" && apt-get download -qq apptainer/sid libc6/trixie >&2)
unset APT_CONFIG
dpkg-deb -x "$work"/apptainer_*.deb "$work/new"
dpkg-deb -x "$work"/libc6_*.deb "$work/libc"
mkdir -p "$libc"
cp -a "$work"/libc/usr/lib/*/*.so* "$libc/"
for file in "$work"/new/usr/bin/apptainer "$work"/new/usr/lib/*/apptainer/bin/starter; do
    patchelf --set-interpreter "$libc/ld-linux-x86-64.so.2" --force-rpath --set-rpath "$libc" "$file"
done
rm "$work"/new/usr/bin/run-singularity* "$work"/new/usr/bin/singularity*
# the program itself comes last: an installation that was cut off is done again
cp -a "$work"/new/etc/apptainer /etc/
cp -a "$work"/new/usr/lib/. /usr/lib/
mkdir -p /var/lib/apptainer/mnt/session
cp -a "$work"/new/usr/bin/apptainer /usr/bin/
apptainer --version >&2
