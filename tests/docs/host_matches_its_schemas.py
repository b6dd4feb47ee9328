#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""usage: host_matches_its_schemas.py PROGRAMS

What nvhook info and nvhook list print of the simulated driver is valid by docs/info.schema.json and
docs/list.schema.json, has no key that these lack, and docs/host.md has them all; what that page shows
for people is what is printed. Exits with 77 if it cannot be run here."""

import json
import os
import pathlib
import re
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


def nvhook(driver, *arguments):
    # What NVML says is kept in /run/nvhook, and this one is made up.
    own_run = ["unshare", "--mount", "sh", "-c", "mkdir -p -m 700 /run/nvhook && "
               "mount -t tmpfs -o mode=700 tmpfs /run/nvhook && exec \"$0\" \"$@\""]
    return subprocess.run(
        [*own_run, PROGRAMS / "nvhook", *arguments, "--driver-root", driver, "--dev-root", driver,
         "--proc-root", driver / "proc", "--sys-root", driver / "sys"],
        stdout=subprocess.PIPE, check=True, text=True).stdout


def main():
    problems = []
    page = (DOCS / "host.md").read_text()
    explained = set(re.findall(r"`([a-z_\[\].]+)`", page))
    with tempfile.TemporaryDirectory() as name:
        driver = pathlib.Path(name) / "driver"
        subprocess.run([PROGRAMS / "simulated-driver", driver], check=True,
                       stdout=subprocess.DEVNULL)
        partitioned = pathlib.Path(name) / "partitioned"
        subprocess.run([PROGRAMS / "simulated-driver", partitioned, "--mig", "0=1/0,5/0",
                        "--imex", "0", "--feature", "gds"], check=True, stdout=subprocess.DEVNULL)
        documents = {"info": [["info"], ["info", "--nvml"]],
                     "list": [["list"], ["list", "--capability", "utility"],
                              ["list", "--capability", "compute", "--capability", "display"]]}
        for what, calls in documents.items():
            schema = json.loads((DOCS / f"{what}.schema.json").read_text())
            Draft202012Validator.check_schema(schema)
            validator = Draft202012Validator(closed(schema))
            for host, call in [(driver, call) for call in calls] + [(partitioned, calls[0])]:
                document = json.loads(nvhook(host, *call, "--format", "json"))
                problems += [f"{call}: {error.json_path}: {error.message}"
                             for error in validator.iter_errors(document)]
                problems += [f"{key}: not in docs/host.md"
                             for key in sorted(set(keys_of_document(document)) - explained)]
        utility = json.loads(nvhook(driver, "list", "--capability", "utility", "--format", "json"))
        if any("utility" not in file["capabilities"] for file in utility["files"]):
            problems.append("list --capability utility: a file that utility does not bring")
        variables = {device["variable"] for device in json.loads(
            nvhook(partitioned, "list", "--format", "json"))["devices"]}
        if variables != {None, "NVIDIA_GDS", "NVIDIA_IMEX_CHANNELS", "NVIDIA_MIG_CONFIG_DEVICES",
                         "NVIDIA_MIG_MONITOR_DEVICES"}:
            problems.append(f"list: variables {variables}")
        if not re.search(r"GPU 0  instance 5  compute instance 0  MIG-GPU-[0-9a-f-]+/5/0\n",
                         nvhook(partitioned, "info")):
            problems.append("info has no line of the MIG device 5/0")
        sample = re.search(r"\$ nvhook info\n(.*?)```", page, re.DOTALL).group(1)
        printed = nvhook(driver, "info").replace(str(driver / "dev"), "/dev").replace(
            str(driver), "/")
        if printed != sample:
            problems.append(f"docs/host.md has\n{sample}\nprinted is\n{printed}")
        for word in ("Libraries", "Programs", "Device nodes", "Left out"):
            if f"\n{word}\n" not in nvhook(driver, "list"):
                problems.append(f"list has no heading {word}")
    if problems:
        sys.exit("\n".join(problems))


main()
