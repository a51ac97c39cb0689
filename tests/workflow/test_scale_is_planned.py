import subprocess

from runs import REPO, SNAKEMAKE


def test_the_benchmark_of_scale_measures_sizes_cores_and_shards(tmp_path):
    config = tmp_path / "small.yaml"
    config.write_text("scale: {planned: [20, 40], cleaned: [4, 8], shard_mib: [1], cores: 2}\n")
    (tmp_path / "resources").symlink_to(REPO / "resources")
    planned = subprocess.run(
        [
            *(SNAKEMAKE, "--snakefile", REPO / "workflow" / "benchmark.smk"),
            *("--configfile", REPO / "config" / "benchmark.yaml", config),
            *("--directory", tmp_path, "--dry-run", "--printshellcmds", "--cores", "2", "scale"),
        ],
        capture_output=True,
        text=True,
    )
    assert planned.returncode == 0, planned.stderr
    printed = planned.stdout + planned.stderr
    for name in ("plan-20-2-0", "plan-40-2-0", "clean-4-2-0", "clean-8-1-0", "clean-8-2-1"):
        assert f"--out benchmark/scale/{name}.json" in printed
    assert "clean-4-1-0" not in printed and "unburn.growth" in printed
