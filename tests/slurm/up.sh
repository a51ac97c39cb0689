#!/usr/bin/env bash
# A real Slurm on this machine, for tests: two nodes that share its cores, accounting, no systemd.
#   tests/slurm/up.sh FOLDER      configuration, state, keys and logs are in FOLDER
# down.sh FOLDER stops it. As root, on Debian and Ubuntu; for their packages see install.sh.
#
# /etc/slurm gets links to the configuration, as Snakemake's job steps drop the variable SLURM_CONF.
# No cgroups are used: a job's memory is polled once a second, and one beyond its limit is killed.
# The GPUs are copies of /dev/null, so that jobs can ask for one and see its number.
set -euo pipefail
LAB=$(realpath "${1:?the folder for configuration and state}")
NODES=(left right)
CORES=8      # of each node; jobs ask for up to 4, and real ones are shared
MEM_MB=64000 # likewise
HOST=$(hostname -s)

alive() { [ -s "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null; }
until_works() { # seconds command...
    local end=$((SECONDS + $1)); shift
    while [ $SECONDS -lt "$end" ]; do timeout 5 "$@" >/dev/null 2>&1 && return 0; sleep 0.2; done
    echo "timed out: $*" >&2; return 1
}

mkdir -p "$LAB"/{etc,state,log,run,dev,db,munge} /etc/slurm
chmod 755 "$LAB"
for file in slurm.conf gres.conf slurmdbd.conf; do
    [ ! -e "/etc/slurm/$file" ] || [ -L "/etc/slurm/$file" ] || {
        echo "this machine has a Slurm of its own: /etc/slurm/$file" >&2; exit 1
    }
    ln -sfn "$LAB/etc/$file" "/etc/slurm/$file"
done

# Authentication, with a key and a socket of its own.
[ -s "$LAB/munge/key" ] || dd if=/dev/urandom of="$LAB/munge/key" bs=1024 count=1 status=none
chmod 400 "$LAB/munge/key"
alive "$LAB/run/munged.pid" || munged --force --key-file="$LAB/munge/key" \
    --socket="$LAB/run/munge.socket" --pid-file="$LAB/run/munged.pid" \
    --log-file="$LAB/log/munged.log" --seed-file="$LAB/munge/seed"
until_works 10 munge --socket="$LAB/run/munge.socket" -n

# Configuration. Jobs are found by /proc; no plugin binds them to cores.
{
    cat <<CONF
ClusterName=unburn
SlurmctldHost=$HOST(127.0.0.1)
SlurmctldPort=16817
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$LAB/run/munge.socket
StateSaveLocation=$LAB/state
SlurmdSpoolDir=$LAB/state/%n
SlurmctldPidFile=$LAB/run/slurmctld.pid
SlurmdPidFile=$LAB/run/%n.pid
SlurmctldLogFile=$LAB/log/slurmctld.log
SlurmdLogFile=$LAB/log/%n.log
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
PropagateResourceLimits=NONE
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=100000
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
GresTypes=gpu
ReturnToService=2
SlurmdTimeout=10
KillWait=3
MinJobAge=300
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=16819
AccountingStoragePass=$LAB/run/munge.socket
AccountingStorageTRES=gres/gpu
AccountingStorageEnforce=associations,limits
CONF
    port=16820
    for node in "${NODES[@]}"; do
        echo "NodeName=$node NodeHostname=$HOST NodeAddr=127.0.0.1 Port=$((port++))" \
            "CPUs=$CORES RealMemory=$MEM_MB Gres=gpu:1"
    done
    echo "PartitionName=cpu Nodes=ALL Default=YES MaxTime=1-0 State=UP"
    echo "PartitionName=gpu Nodes=ALL MaxTime=1-0 State=UP"
} >"$LAB/etc/slurm.conf"
: >"$LAB/etc/gres.conf"
for node in "${NODES[@]}"; do
    # A count without a device would be counted as none.
    [ -c "$LAB/dev/$node" ] || mknod "$LAB/dev/$node" c 1 3
    echo "NodeName=$node Name=gpu File=$LAB/dev/$node" >>"$LAB/etc/gres.conf"
done

# Accounting: a database, its daemon, one account for root.
# All as root: another user may not enter the folder above.
[ -d "$LAB/db/mysql" ] || mariadb-install-db --no-defaults --user=root --datadir="$LAB/db" \
    --skip-test-db >"$LAB/log/mariadb-install.log" 2>&1 || { cat "$LAB/log/mariadb-install.log" >&2; exit 1; }
database=(mariadb --no-defaults --socket="$LAB/db/socket")
if ! alive "$LAB/db/pid"; then
    setsid mariadbd --no-defaults --user=root --datadir="$LAB/db" --socket="$LAB/db/socket" \
        --pid-file="$LAB/db/pid" --bind-address=127.0.0.1 --port=16306 \
        --innodb-buffer-pool-size=128M --innodb-lock-wait-timeout=900 \
        >"$LAB/log/mariadb.log" 2>&1 </dev/null &
fi
until_works 30 "${database[@]}" -e "SELECT 1"
"${database[@]}" -e "CREATE DATABASE IF NOT EXISTS slurm;
    CREATE USER IF NOT EXISTS slurm@'127.0.0.1' IDENTIFIED BY 'test';
    CREATE USER IF NOT EXISTS slurm@localhost IDENTIFIED BY 'test';
    GRANT ALL ON slurm.* TO slurm@'127.0.0.1'; GRANT ALL ON slurm.* TO slurm@localhost;"
cat >"$LAB/etc/slurmdbd.conf" <<CONF
AuthType=auth/munge
AuthInfo=socket=$LAB/run/munge.socket
DbdHost=localhost
DbdPort=16819
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=16306
StorageUser=slurm
StoragePass=test
StorageLoc=slurm
LogFile=$LAB/log/slurmdbd.log
PidFile=$LAB/run/slurmdbd.pid
CONF
chmod 600 "$LAB/etc/slurmdbd.conf"
alive "$LAB/run/slurmdbd.pid" || slurmdbd
until_works 30 sacctmgr -n list cluster
sacctmgr -n list assoc format=account,user | grep -q 'lab.*root' || {
    sacctmgr -i add cluster unburn || true
    sacctmgr -i add account lab Description=lab Organization=lab
    sacctmgr -i add user root account=lab
} >/dev/null

alive "$LAB/run/slurmctld.pid" || slurmctld
until_works 30 scontrol ping
for node in "${NODES[@]}"; do alive "$LAB/run/$node.pid" || slurmd -N "$node"; done
for node in "${NODES[@]}"; do
    until_works 30 sh -c "sinfo -h -n $node -o %T | grep -qE '^(idle|mixed|allocated)$'"
done
sinfo
