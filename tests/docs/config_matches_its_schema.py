#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""usage: config_matches_its_schema.py PROGRAMS

What nvhook config prints as JSON is valid by docs/config.schema.json, has no key that the schema lacks,
and docs/configuration.md has them all. What it prints as text is a configuration file that says the same,
and the page shows lines of it. Exits with 77 if it cannot be run here."""

import json
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
DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
SETTINGS = """[log]
file = "/var/log/nvhook.json"
[nvml]
deadline = 1.5
[requests]
swarm_resources = ["A", "B"]
unknown = 1
"""


def config(file, *arguments):
    return subprocess.run([PROGRAMS / "nvhook", "config", "--config", file, *arguments],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True, text=True)


def problems_of_json(file):
    schema = json.loads((DOCS / "config.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    document = json.loads(config(file, "--format", "json", "--dev-root", "/").stdout)
    for error in Draft202012Validator(closed(schema)).iter_errors(document):
        yield f"{error.json_path}: {error.message}"
    explained = set(re.findall(r"`([a-z\[\].]+)`", (DOCS / "configuration.md").read_text()))
    for key in sorted(set(keys_of_document(document)) - explained):
        yield f"{key}: not in docs/configuration.md"
    origins = {setting["key"]: setting["origin"] for setting in document["settings"]}
    if {origin["from"] for origin in origins.values()} != {"default", "file", "option"}:
        yield "not every kind of origin is shown"
    if origins["file"]["line"] != 2 or origins["dev"]["option"] != "--dev-root":
        yield f"wrong origins: {origins}"
    if [warning["id"] for warning in document["warnings"]] != ["W_CONFIG_KEY"]:
        yield f"warnings: {document['warnings']}"


def values(file, *arguments):
    document = json.loads(config(file, "--format", "json", *arguments).stdout)
    return [(setting["table"], setting["key"], setting["value"]) for setting in document["settings"]]


def problems_of_text(file, again):
    printed = config(file, "--driver-root", "/")
    if "W_CONFIG_KEY" not in printed.stderr:
        yield "the unknown key is not complained of"
    again.write_text(printed.stdout)
    if values(again) != values(file, "--driver-root", "/"):
        yield f"what is printed does not say the same:\n{printed.stdout}"
    if config(again).stderr:
        yield f"what is printed is complained of:\n{config(again).stderr}"
    page = (DOCS / "configuration.md").read_text()
    sample = re.search(r"\$ nvhook config --driver-root (\S+)\n(.*?)```", page, re.DOTALL)
    text = config(file, "--driver-root", sample.group(1)).stdout
    lines = text.replace(str(file), "/etc/nvhook/config.toml").splitlines()
    for line in sample.group(2).splitlines():
        if line != "..." and line not in lines:
            yield f"docs/configuration.md has this line, which is not printed: {line}"


def main():
    with tempfile.TemporaryDirectory() as name:
        file, again = pathlib.Path(name, "config.toml"), pathlib.Path(name, "again.toml")
        file.write_text(SETTINGS)
        problems = [*problems_of_json(file), *problems_of_text(file, again)]
    if problems:
        sys.exit("\n".join(problems))


main()
