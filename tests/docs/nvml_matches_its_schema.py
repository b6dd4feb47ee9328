#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""usage: nvml_matches_its_schema.py PROGRAMS

What nvhook-nvml prints of the simulated driver, also with --watch, is valid by docs/nvml.schema.json, has no key that the
schema lacks, and together shows every key of it; docs/nvml.md has them all. Its help has the options of
its manual. Exits with 77 if it cannot be run here."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from schemas import closed, keys_of_document

try:
    from jsonschema import Draft202012Validator
except ImportError:
    print("skipped: needs python3-jsonschema")
    sys.exit(77)

PROGRAMS = pathlib.Path(sys.argv[1])
PROBE = PROGRAMS.parent / "libexec/nvhook/nvhook-nvml"
DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"


def gpu(index, **more):
    return {"model": "NVIDIA A100", "uuid": f"GPU-{index}", "minor": index,
            "bus": f"0000:0{index + 1}:00.0", "brand": 2, "arch": 80} | more


# In the form of tests/simdriver/description.cpp.
FULL = {"driver": "550.54.14", "cuda": 12040, "fail": "nvmlDeviceGetName=15", "gpus": [
    gpu(0, mig_mode=1, mig=["0 MIG-a 1 0"], memory_bytes=1 << 34, memory_used_bytes=1 << 24,
        bar1_bytes=1 << 28, bar1_used_bytes=1 << 21, power_limit_mw=400000, pcie_generation=4,
        pcie_width=16, max_sm_mhz=1410, max_memory_mhz=1215, topology_level=10, p2p_status=0,
        gpu_percent=97, memory_percent=42, encoder_percent=0, decoder_percent=0, temperature_c=61,
        power_mw=149250, clock_graphics_mhz=1, clock_sm_mhz=2, clock_memory_mhz=3, clock_video_mhz=4,
        ecc_l1=0, ecc_l2=0, ecc_memory=2, pcie_rx_kbps=1, pcie_tx_kbps=2, performance_state=0,
        processes=["42 1024 python"], cuda_16=108, cuda_32=1, cuda_81=167936),
    gpu(1)]}


def keys_of_schema(schema, defs, prefix=""):
    for part in schema.get("anyOf", []):
        yield from keys_of_schema(part, defs, prefix)
    if "$ref" in schema:
        yield from keys_of_schema(defs[schema["$ref"].rsplit("/", 1)[1]], defs, prefix)
    if "items" in schema:
        yield from keys_of_schema(schema["items"], defs, prefix[:-1] + "[].")
    for key, inner in schema.get("properties", {}).items():
        yield prefix + key
        yield from keys_of_schema(inner, defs, prefix + key + ".")


def main():
    problems = []
    schema = json.loads((DOCS / "nvml.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(closed(schema))
    shown = set()
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)  # the program is nobody
        top = pathlib.Path(name)
        described = top / "nvml.json"
        described.write_text(json.dumps(FULL | {"root": str(top / "driver")}, indent=0))
        subprocess.run([PROGRAMS / "simulated-driver", top / "driver", "--no-nodes",
                        "--nvml", described], check=True, stdout=subprocess.DEVNULL)
        for node in ("nvidiactl", "nvidia0", "nvidia1", "nvidia-uvm"):
            (top / "driver/dev" / node).touch()
            (top / "driver/dev" / node).chmod(0o666)
        libraries = top / "driver/usr/lib/x86_64-linux-gnu"
        asked = ["--nvml", libraries / "libnvidia-ml.so.1"]
        for status, more in ((0, []), (0, ["--status"]), (0, ["--topology"]),
                             (0, ["--status", "--topology", "--cuda", libraries / "libcuda.so.1"]),
                             (3, ["--nvml", "/nowhere/libnvidia-ml.so.1"])):
            done = subprocess.run([PROBE, *asked, *more], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True, check=False)
            if done.returncode != status:
                problems.append(f"{more}: exit status {done.returncode}")
            document = json.loads(done.stdout)
            problems += [f"{more}: {error.json_path}: {error.message}"
                         for error in validator.iter_errors(document)]
            shown |= set(keys_of_document(document))
        watched = subprocess.run([PROBE, *asked, "--watch"], input="all\nstatus\n", check=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        lines = watched.stdout.splitlines()
        if len(lines) != 2:
            problems.append(f"--watch: {len(lines)} documents of two lines")
        problems += [f"--watch: {error.json_path}: {error.message}"
                     for line in lines for error in validator.iter_errors(json.loads(line))]
    known = set(keys_of_schema(schema, schema["$defs"]))
    explained = set(re.findall(r"`([a-z0-9_\[\].]+)`", (DOCS / "nvml.md").read_text()))
    problems += [f"{key}: never shown" for key in sorted(known - shown)]
    problems += [f"{key}: not in docs/nvml.md" for key in sorted(known - explained)]
    help_text = subprocess.run([PROBE, "--help"], stdout=subprocess.PIPE, check=True, text=True).stdout
    manual = (DOCS / "man/nvhook-nvml.8").read_text().replace("\\-", "-").replace("Fl -", "--")
    options = set(re.findall(r"--[a-z]+", help_text))
    if options != set(re.findall(r"--[a-z]+", manual)):
        problems.append(f"the manual and --help have other options: {options}")
    problems += [f"longer than 80 columns: {line}" for line in help_text.split("\n") if len(line) > 80]
    if problems:
        sys.exit("\n".join(problems))


main()
