#!/usr/bin/env bash
# The packages of Slurm that up.sh needs: those that are there, or Debian's, installed by root.
set -euo pipefail
say() { echo "$*" >&2; }
[ "$(id -u)" = 0 ] || { say "a Slurm for tests is started by root only"; exit 1; }
device=$(mktemp -u)
mknod "$device" c 1 3 2>/dev/null \
    || { say "this machine lets root make no device, as that which stands for a GPU"; exit 1; }
rm "$device"
for program in slurmctld slurmd slurmdbd munged mariadbd sbatch; do
    command -v "$program" >/dev/null || missing=1
done
[ -n "${missing:-}" ] || exit 0
command -v apt-get >/dev/null \
    || { say "Slurm is missing and can be installed on Debian and Ubuntu only"; exit 1; }
export DEBIAN_FRONTEND=noninteractive
# the packages would start daemons of their own, which are in the way of those of the tests
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi
apt-get update -qq >&2
apt-get install -y -qq --no-install-recommends slurmctld slurmd slurm-client slurmdbd munge \
    mariadb-server >&2 || { say "the packages of Slurm cannot be installed"; exit 1; }
