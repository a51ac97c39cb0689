#!/usr/bin/env bash
# Stops the Slurm that up.sh started in FOLDER, by the ids of its processes.
set -u
LAB=$(realpath "${1:?the folder that up.sh was given}")
stop() {
    [ -s "$1" ] || return 0
    local id; id=$(cat "$1")
    kill "$id" 2>/dev/null || return 0
    for _ in $(seq 50); do kill -0 "$id" 2>/dev/null || return 0; sleep 0.2; done
    kill -KILL "$id" 2>/dev/null
}
timeout 10 scancel --user="$(id -un)" 2>/dev/null
for daemon in left right slurmctld slurmdbd; do stop "$LAB/run/$daemon.pid"; done
stop "$LAB/db/pid"
stop "$LAB/run/munged.pid"
for file in slurm.conf gres.conf slurmdbd.conf; do
    [ "$(readlink "/etc/slurm/$file")" != "$LAB/etc/$file" ] || rm "/etc/slurm/$file"
done
exit 0
