"""Snakemake that asks Slurm about its jobs every second.

Left alone, the plugin waits ten seconds longer each time that no job has ended: more than most
jobs of tests take. Nothing else differs from the program `snakemake`.
"""

import sys

from snakemake.cli import main
from snakemake_executor_plugin_slurm import Executor

# the plugin counts here how long it waits
Executor.next_seconds_between_status_checks = property(lambda _: 1, lambda _, seconds: None)
sys.argv[0] = "snakemake"
main()
