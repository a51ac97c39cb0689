"""Slurm's programs are played by small scripts here; tests/slurm asks a real one."""

import pytest

from unburn import cluster
from unburn.errors import UserError
from unburn.settings import REPO

PROGRAMS = {
    "sinfo": "echo 'cpu up\ngpu up'",
    "sacctmgr": "case $* in *defaultqos) ;; *assoc*) echo 'heart\nlung';; *) echo heart;; esac",
    "scontrol": "echo 'GrpTRESMins=cpu=1000(998),mem=N(0),gres/gpu=50(3)'",
    "sbatch": "echo $* >> {folder}/calls",
}


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Write the programs; call it with name=script to change what one of them does."""

    def play(**changed):
        for name, script in {**PROGRAMS, **changed}.items():
            file = tmp_path / name
            file.write_text("#!/bin/sh\n" + script.format(folder=tmp_path) + "\n")
            file.chmod(0o755)
        return tmp_path

    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    play()
    return play


def refused(site, gpu=False):
    with pytest.raises(UserError) as caught:
        cluster.check(site, gpu)
    return str(caught.value)


def test_a_cluster_that_takes_the_jobs_is_described(slurm):
    site = cluster.site(
        ["slurm_partition=cpu", "slurm_account=heart", "mem_mb=4000"],
        {"paint_batch": ["slurm_partition=gpu", "gpu_model=a100"]},
    )
    found = cluster.check(site, gpu=True)
    assert found == [
        "Slurm with the partitions cpu, gpu",
        "jobs are taken: partition cpu, account heart",
        "jobs are taken: partition gpu, account heart, gpu 1, gpu_model a100",
    ]
    calls = (slurm() / "calls").read_text().splitlines()
    assert all(call.startswith("--test-only ") for call in calls)
    assert "--gpus" not in calls[0] and "--gpus=a100:1" in calls[1]
    slurm(sinfo="echo 'cpu up\ngpu down'")
    assert cluster.check(site, gpu=False)[0] == "Slurm with the partitions cpu, gpu (down)"


def test_slurm_is_asked_with_what_decides_whether_it_takes_a_job(slurm, tmp_path):
    own = {"paint_batch": ["constraint=big"]}
    site = cluster.site(["qos=short"], own, {"qos": "long", "reservation": "course"})
    (tmp_path / "config.yaml").write_text(
        "executor: slurm\nslurm-reservation: course\ndefault-resources:\n  qos: short\n"
        "set-resources:\n  paint_batch:\n    constraint: big\n"
    )
    assert cluster.read_profile(tmp_path) == site
    cluster.check(site, gpu=True)
    first, second = (slurm() / "calls").read_text().splitlines()
    assert "--qos=short --reservation=course" in first and "--constraint" not in first
    assert "--qos=short --reservation=course --constraint=big" in second


def test_no_gpu_is_asked_for_without_need(slurm):
    site = cluster.site([], {"paint_batch": ["slurm_partition=nowhere"]})
    assert len(cluster.check(site, gpu=False)) == 2


def test_an_absent_sbatch_is_named(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    said = refused(cluster.site([], {}))
    assert "no such program" in said and "login node" in said and "--cores" in said


def test_a_silent_scheduler_is_named(slurm):
    slurm(sinfo="exit 1")
    assert "does not answer" in refused(cluster.site([], {}))


def test_an_unknown_partition_is_named_with_those_there_are(slurm):
    said = refused(cluster.site(["slurm_partition=fast"], {}))
    assert "slurm_partition: fast" in said and "cpu, gpu in slurm/config.yaml" in said


def test_an_unknown_account_is_named_with_those_there_are(slurm):
    said = refused(cluster.site(["slurm_account=liver"], {}))
    assert "slurm_account: liver" in said and "heart, lung" in said


def test_a_missing_account_is_named_with_those_there_are(slurm):
    slurm(sbatch="echo 'allocation failure: Invalid account or account/partition' >&2; exit 1")
    said = refused(cluster.site([], {}))
    assert "takes no job without one" in said and "heart, lung" in said


def test_a_used_up_quota_is_named_also_that_of_the_default_account(slurm):
    slurm(scontrol="echo 'GrpTRESMins=cpu=1000(1003),mem=N(0)'")
    for asked in ([], ["slurm_account=heart"]):
        said = refused(cluster.site(asked, {}))
        assert "slurm_account: heart: its quota is used up: 1003 of 1000 minutes (cpu)" in said


def test_a_quota_that_another_user_of_the_account_used_up_stops_nobody_else(slurm, monkeypatch):
    monkeypatch.setattr(cluster.getpass, "getuser", lambda: "me")
    said = (
        "ClusterName=c Account=heart UserName= Partition= ID=1\\n GrpTRESMins=cpu=1000(900)\\n"
        "ClusterName=c Account=heart UserName={user}(7) Partition= ID=2\\n GrpTRESMins=cpu=5(6)"
    )
    slurm(scontrol=f"printf '{said.format(user='other')}'")
    assert cluster.check(cluster.site([], {}), gpu=False)
    slurm(scontrol=f"printf '{said.format(user='me')}'")
    assert "6 of 5 minutes" in refused(cluster.site([], {}))


def test_a_used_up_quota_of_an_account_above_is_named(slurm):
    slurm(
        scontrol="""case $* in
            *=heart*) printf 'Account=heart UserName=\\n ParentAccount=clinic(5)\\n'
                printf ' GrpTRESMins=cpu=N(9)\\nAccount=heart UserName=me(7)\\n ParentAccount=\\n';;
            *=clinic*) printf 'Account=clinic UserName=\\n ParentAccount=\\n GrpTRESMins=cpu=7(9)';;
        esac"""
    )
    said = refused(cluster.site([], {}))
    assert "slurm_account: heart: the quota of clinic, to which it belongs, is used up" in said
    assert "9 of 7 minutes (cpu)" in said


def test_a_quota_of_gpus_stops_who_asks_for_one(slurm):
    slurm(scontrol="echo 'GrpTRESMins=cpu=N(9),gres/gpu=0(0),license/x=0(0)'")
    assert cluster.check(cluster.site([], {}), gpu=False)
    assert "0 of 0 minutes (gres/gpu)" in refused(cluster.site([], {}), gpu=True)


def test_minutes_of_a_quality_of_service_count_instead_of_those_of_the_account(slurm):
    minutes = (
        "case $* in *flags=qos*) echo 'GrpTRESMins=cpu=QOS';; *) echo 'GrpTRESMins=cpu=OWN';; esac"
    )
    site = cluster.site(["qos=long"], {})
    slurm(scontrol=minutes.replace("QOS", "5(6)").replace("OWN", "9(0)"))
    assert "qos: long: its quota is used up: 6 of 5 minutes (cpu)" in refused(site)
    slurm(scontrol=minutes.replace("QOS", "5(1)").replace("OWN", "9(9)"))
    assert cluster.check(site, gpu=False)
    assert "slurm_account: heart" in refused(cluster.site([], {}))


def test_what_else_slurm_refuses_is_told_in_its_words(slurm):
    words = "Requested node configuration is not available"
    slurm(sbatch=f"echo 'allocation failure: {words}' >&2; exit 1")
    said = refused(cluster.site([], {"paint_batch": ["gpu=9"]}), gpu=True)
    assert f"Slurm refuses it: {words}" in said


def test_the_shipped_profile_is_read():
    site = cluster.read_profile(REPO / "slurm")
    assert site.default["mem_mb"] == "4000"
    assert site.requests(gpu=True)[-1]["gpu"] == "1"
    assert "gpu" in site.requests(gpu=True)[-1] and not site.requests(gpu=False)[-1]["gpu"]


@pytest.mark.parametrize(
    ("text", "found"), [(None, "no such file"), ("executor: kubernetes\n", "not slurm")]
)
def test_a_profile_that_cannot_be_looked_at_is_named(tmp_path, text, found):
    if text:
        (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(UserError, match=found):
        cluster.read_profile(tmp_path)
