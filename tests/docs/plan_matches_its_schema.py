#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""usage: plan_matches_its_schema.py PROGRAMS

What nvhook --dry-run --format json prints of the simulated driver is valid by docs/plan.schema.json,
has no key that the schema lacks, and together shows every key of the schema. docs/plan.md has them
all, and its own sample is valid, too. Exits with 77 if it cannot be run here."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from schemas import closed, keys_of_document

if os.geteuid() != 0:
    print("skipped: needs root")  # for the nodes of the simulated driver
    sys.exit(77)
try:
    from jsonschema import Draft202012Validator
except ImportError:
    print("skipped: needs python3-jsonschema")
    sys.exit(77)

PROGRAMS = pathlib.Path(sys.argv[1])
DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
LIBRARIES = "usr/lib/x86_64-linux-gnu"


def keys_of_schema(schema, prefix=""):
    for key, inner in schema.get("properties", {}).items():
        yield prefix + key
        yield from keys_of_schema(inner, prefix + key + ".")
        yield from keys_of_schema(inner.get("items", {}), prefix + key + "[].")


def make_root(root):
    (root / LIBRARIES).mkdir(parents=True)
    (root / "etc/ld.so.conf.d").mkdir(parents=True)
    (root / "lib64").mkdir()
    shutil.copy("/lib64/ld-linux-x86-64.so.2", root / "lib64")
    (root / "etc/debian_version").write_text("12.1\n")
    (root / LIBRARIES / "libcuda.so.1").symlink_to("libcuda.so.470.82.01")


def plan_of(work, root, *env, layout="system", bounding=()):
    """What nvhook would do to a container with this root, environment and bounding set."""
    (work / "config.toml").write_text(f'[container]\nlayout = "{layout}"\n')
    bundle = work / "bundle"
    bundle.mkdir(exist_ok=True)
    config = {"ociVersion": "1.0.2", "root": {"path": str(root)},
              "process": {"env": list(env), "capabilities": {"bounding": list(bounding)}}}
    (bundle / "config.json").write_text(json.dumps(config))
    driver = work / "driver"
    done = subprocess.run(
        [PROGRAMS / "nvhook", "--dry-run", "--format", "json", "--bundle", bundle,
         "--config", work / "config.toml",
         "--driver-root", driver, "--dev-root", driver,
         "--proc-root", driver / "proc", "--sys-root", driver / "sys"],
        stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def main():
    schema = json.loads((DOCS / "plan.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(closed(schema))
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        subprocess.run([PROGRAMS / "simulated-driver", work / "driver", "--mig", "0=1/0,5/0"],
                       check=True)
        debian = work / "debian"
        make_root(debian)
        (work / "empty").mkdir()
        every = "NVIDIA_DRIVER_CAPABILITIES=all"
        plans = [
            plan_of(work, debian, "NVIDIA_VISIBLE_DEVICES=all", every),
            plan_of(work, debian, "NVIDIA_VISIBLE_DEVICES=1"),
            plan_of(work, debian, "NVIDIA_VISIBLE_DEVICES=1", layout="tree"),
            plan_of(work, debian, "NVIDIA_VISIBLE_DEVICES=none"),
            plan_of(work, debian, "NVIDIA_VISIBLE_DEVICES=void"),
            plan_of(work, debian, "CUDA_VERSION=9.0"),
            plan_of(work, debian, "NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_MIG_CONFIG_DEVICES=all",
                    "NVIDIA_MIG_MONITOR_DEVICES=all", "NVIDIA_REQUIRE_CUDA=cuda>=12.0",
                    bounding=["CAP_SYS_ADMIN"]),
            plan_of(work, debian),
            plan_of(work, work / "empty", "NVIDIA_VISIBLE_DEVICES=all"),
        ]

    page = (DOCS / "plan.md").read_text()
    samples = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", page, re.DOTALL)]
    if len(samples) != 1:
        sys.exit("docs/plan.md: one sample is due")
    problems = [f"{error.json_path}: {error.message}"
                for plan in plans + samples for error in validator.iter_errors(plan)]

    known = set(keys_of_schema(schema))
    shown = {key for plan in plans for key in keys_of_document(plan)}
    problems += [f"{key}: in the schema, never printed" for key in sorted(known - shown)]
    explained = set(re.findall(r"`([a-z_\[\].]+)`", page))
    problems += [f"{key}: not in docs/plan.md" for key in sorted(known - explained)]
    if problems:
        sys.exit("\n".join(problems))


main()
