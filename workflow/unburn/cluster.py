"""Whether Slurm will take the jobs: its programs, the partitions, the account and its quota.

Asked before the first job is sent, since Slurm tells some of it only by letting jobs wait for ever.
"""

import getpass
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from unburn import weights
from unburn.errors import UserError
from unburn.settings import Run

PROFILE = "slurm/config.yaml"
GPU_RULE = "paint_batch"
TIMEOUT_S = 60
SACCTMGR = ("sacctmgr", "--noheader", "--parsable2", "show")
MANAGER = ("scontrol", "show", "assoc_mgr")
# GrpTRESMins=cpu=1000(998),mem=N(0): the minutes granted and used
MINUTES = re.compile(r"\bGrpTRESMins=(\S+)")
USER = re.compile(r"\bUserName=([^\s(]+)")
PARENT = re.compile(r"\bParentAccount=([^\s(]+)")
GRANTED = re.compile(r"([\w/:]+)=(\d+)\((\d+)\)")
OF_EVERY_JOB = ("cpu", "mem", "node", "billing")  # minutes of others are taken by who asks
GPUS = "gres/gpu"
ITS_QUOTA = "its quota"


# Options of sbatch that decide whether a job is taken, by the resource that sets them.
OPTIONS = {
    "slurm_partition": "partition",
    "slurm_account": "account",
    "qos": "qos",
    "reservation": "reservation",
    "constraint": "constraint",
    "gres": "gres",
}
OF_ALL = ("qos", "reservation")  # a profile sets them for all jobs, as slurm-qos


@dataclass(frozen=True)
class Site:
    """What a profile says of a site: the resources of all jobs, and of rules that differ."""

    default: Mapping[str, str]
    rules: Mapping[str, Mapping[str, str]]

    def requests(self, gpu: bool) -> list[dict[str, str]]:
        """The different requests of partition, account, GPU and the like that jobs will make."""
        asked = (*OPTIONS, "gpu", "gpu_model")
        found = [{name: self.default.get(name, "") for name in asked}]
        for rule, own in self.rules.items():
            if rule != GPU_RULE:
                found.append({name: own.get(name, found[0][name]) for name in asked})
        if gpu:
            own = {"gpu": "1", **self.rules.get(GPU_RULE, {})}
            found.append({name: own.get(name, found[0][name]) for name in asked})
        return [one for number, one in enumerate(found) if one not in found[:number]]


@dataclass(frozen=True)
class Minutes:
    """A quota of something, and how much of it is used up."""

    whose: str
    what: str
    granted: int
    used: int


def site(
    default: Iterable[str],
    rules: Mapping[str, Iterable[str]],
    of_all: Mapping[str, str | None] | None = None,
) -> Site:
    """A site from Snakemake's own arguments, ``name=value``; ``of_all``: see ``OF_ALL``."""

    def named(pairs: Iterable[str]) -> dict[str, str]:
        return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}

    always = {name: value for name, value in (of_all or {}).items() if value}
    return Site(always | named(default), {rule: named(pairs) for rule, pairs in rules.items()})


def read_profile(folder: Path) -> Site:
    """Read a profile's ``config.yaml``.

    Raises
    ------
    UserError
        if there is none, or it is not for Slurm
    """
    file = folder / "config.yaml"
    if not file.is_file():
        raise UserError(
            str(file), "there is no such file", "name the folder of a profile, as `slurm` here"
        )
    profile: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    if profile.get("executor") != "slurm":
        raise UserError(
            str(file), "its executor is not slurm", "only Slurm can be looked at; others are run"
        )

    def texts(values: Mapping[str, Any] | None) -> dict[str, str]:
        return {name: str(value) for name, value in (values or {}).items()}

    rules = {rule: texts(own) for rule, own in (profile.get("set-resources") or {}).items()}
    always = {name: profile.get(f"slurm-{name}") for name in OF_ALL}
    always = {name: value for name, value in always.items() if value}
    return Site(texts(always) | texts(profile.get("default-resources")), rules)


def asks_for_gpu(run: Run) -> bool:
    """Whether a submission is painted by an engine that asks for a GPU."""
    sections = [run.section(label, "inpaint") for label in run.rows]
    return any(one["engine"] == weights.NAME and one["device"] != "cpu" for one in sections)


def check(where: Site, gpu: bool) -> list[str]:
    """Make sure that jobs can be sent; say what was found, a line each.

    Parameters
    ----------
    where : what the profile asks for
    gpu : whether a submission is painted by an engine that asks for a GPU

    Raises
    ------
    UserError
        if Slurm cannot be reached, or would refuse the jobs or let them wait for ever
    """
    if not shutil.which("sbatch"):
        raise UserError(
            "sbatch",
            "there is no such program, so this machine cannot send jobs to Slurm",
            "go to a login node, or load the site's module of Slurm; "
            "without a cluster: snakemake --cores 4",
        )
    partitions = _asked("sinfo", "--noheader", "--format=%R %a").splitlines()
    if not partitions:
        raise UserError(
            "slurm",
            "the scheduler does not answer",
            "see `sinfo`; ask the cluster's support when it says the same",
        )
    states = dict(line.split() for line in partitions)
    names = sorted(states)
    accounts = _accounts()
    told = [name if states[name] == "up" else f"{name} ({states[name]})" for name in names]
    lines = [f"Slurm with the partitions {', '.join(told)}"]
    for request in where.requests(gpu):
        _check_partition(request["slurm_partition"], names)
        _check_account(request["slurm_account"], accounts)
        _check_minutes(request)
        _try(request, accounts)
        said = [f"{name.removeprefix('slurm_')} {value}" for name, value in request.items()]
        said = [one for one in said if not one.endswith(" ")]
        lines.append(f"jobs are taken: {', '.join(said) or 'default partition and account'}")
    return lines


def _check_partition(name: str, known: list[str]) -> None:
    if name and not set(name.split(",")) <= set(known):
        raise UserError(
            f"slurm_partition: {name}",
            "the cluster has no such partition",
            f"name one of {', '.join(known)} in {PROFILE}",
        )


def _check_account(name: str, known: list[str]) -> None:
    if name and known and name.lower() not in known:
        raise UserError(
            f"slurm_account: {name}",
            "you may not use this account, or there is none of that name",
            f"name one of yours in {PROFILE}: {', '.join(known)}",
        )


def _check_minutes(request: Mapping[str, str]) -> None:
    """Refuse a request without minutes left: Slurm takes its jobs and never starts them.

    Minutes that are granted to the quality of service count instead of those of accounts.
    """
    account = request["slurm_account"] or _default_account()
    qos = request["qos"] or _default_qos(account)
    of_qos = _granted(_asked(*MANAGER, f"qos={qos}", "flags=qos")) if qos else []
    settled = {minutes.what for minutes in of_qos}
    of_accounts = [one for one in _of_accounts(account) if one.what not in settled]
    takes = {*OF_EVERY_JOB}
    if request["gpu"] not in ("", "0"):
        takes |= {GPUS, f"{GPUS}:{request['gpu_model']}"}
    for where, limits in ((f"qos: {qos}", of_qos), (f"slurm_account: {account}", of_accounts)):
        for one in limits:
            if one.what in takes and one.used >= one.granted:
                raise UserError(
                    where,
                    f"{one.whose} is used up: {one.used} of {one.granted} minutes ({one.what})",
                    f"ask for more, or name another in {PROFILE}; jobs would wait for ever",
                )


def _of_accounts(account: str) -> list[Minutes]:
    """The minutes granted to an account, to the user in it and to those that it belongs to."""
    found: list[Minutes] = []
    above, whose, user = account, ITS_QUOTA, getpass.getuser()
    while above:
        said = _asked(*MANAGER, f"accounts={above}", "flags=assoc")
        # those of the account and of its users, one after the other; of others' no job here counts
        mine = [
            one
            for one in re.split(r"(?=\bClusterName=)", said)
            if not (named := USER.search(one)) or (above == account and named[1] == user)
        ]
        found += _granted("\n".join(mine), whose)
        parent = PARENT.search(said)
        above = parent[1] if parent else ""
        whose = f"the quota of {above}, to which it belongs,"
    return found


def _granted(said: str, whose: str = ITS_QUOTA) -> list[Minutes]:
    """The minutes that are granted in what Slurm says; those without a limit are left out."""
    of_limits = (GRANTED.findall(limits) for limits in MINUTES.findall(said))
    return [
        Minutes(whose, what, int(most), int(used)) for one in of_limits for what, most, used in one
    ]


def _try(request: Mapping[str, str], accounts: list[str]) -> None:
    """Let Slurm judge a job of a minute without running it."""
    command = ["sbatch", "--test-only", "--time=1", "--mem=100", "--wrap=true"]
    command += [f"--{option}={request[name]}" for name, option in OPTIONS.items() if request[name]]
    if request["gpu_model"]:
        command.append(f"--gpus={request['gpu_model']}:{request['gpu'] or 1}")
    elif request["gpu"].isdecimal() and int(request["gpu"]):
        command.append(f"--gpus={request['gpu']}")
    result = _ran(command)
    if result.returncode == 0:
        return
    said = "; ".join(
        re.sub(r"^(sbatch: )?(error|allocation failure): ", "", line)
        for line in result.stderr.splitlines()
    )
    if "account" in said.lower() and not request["slurm_account"]:
        raise UserError(
            "slurm_account",
            "none is set, and the cluster takes no job without one",
            f"name yours in {PROFILE}" + (f": {', '.join(accounts)}" if accounts else ""),
        )
    what = ", ".join(f"{name}: {value}" for name, value in request.items() if value)
    raise UserError(
        what or "a job without partition and account",
        f"Slurm refuses it: {said}",
        f"correct it in {PROFILE}; `sinfo` and `sacctmgr show assoc user=$USER` list what there is",
    )


def _accounts() -> list[str]:
    """The accounts that this user may use; none where Slurm keeps no books."""
    said = _asked(*SACCTMGR, "assoc", f"user={getpass.getuser()}", "format=account")
    return sorted({line.strip() for line in said.splitlines() if line.strip()})


def _default_account() -> str:
    """The account of jobs that name none."""
    return _asked(*SACCTMGR, "user", getpass.getuser(), "format=defaultaccount").strip()


def _default_qos(account: str) -> str:
    """The quality of service of jobs that name none; empty where it is the cluster's own."""
    who = (f"user={getpass.getuser()}", f"account={account}")
    said = _asked(*SACCTMGR, "assoc", *who, "format=defaultqos").split()
    return said[0] if said else ""


def _asked(*command: str) -> str:
    """What a program says; nothing where it fails or is not there."""
    result = _ran(command)
    return result.stdout if result.returncode == 0 else ""


def _ran(command: Iterable[str]) -> subprocess.CompletedProcess[str]:
    command = list(command)
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return subprocess.CompletedProcess(command, 1, "", f"{command[0]} does not answer")
