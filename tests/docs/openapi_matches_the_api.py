#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""usage: openapi_matches_the_api.py PROGRAMS

docs/companion/openapi.json is what the API answers with, has each path that the API has and no other,
and describes each answer of several hosts, whole: status, type, headers and body. Each answer that it
describes is shown. Exits with 77 if it cannot be run here."""

import json
import pathlib
import subprocess
import sys

from schemas import closed

try:
    from jsonschema import Draft202012Validator
except ImportError:
    print("skipped: needs python3-jsonschema")
    sys.exit(77)

PROGRAMS = pathlib.Path(sys.argv[1])
FILE = pathlib.Path(__file__).resolve().parents[2] / "docs/companion/openapi.json"


class Description:
    def __init__(self, document):
        self.document = document
        self.components = closed(document["components"])

    def at(self, pointer):
        """What "#/components/headers/Age" leads to."""
        found = self.document
        for part in pointer.removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        return found

    def followed(self, part):
        return self.at(part["$ref"]) if "$ref" in part else part

    def get(self, path):
        return self.followed(self.document["paths"][path])["get"]

    def complaints(self, schema, value):
        whole = {"components": self.components, "allOf": [closed(schema)]}
        return [f"{error.json_path}: {error.message}"
                for error in Draft202012Validator(whole).iter_errors(value)]


def refs_of(part):
    for key, inner in part.items() if isinstance(part, dict) else enumerate(part):
        if key == "$ref":
            yield inner
        elif isinstance(inner, (dict, list)):
            yield from refs_of(inner)


def complaints_of_answer(description, answer):
    response = description.get(answer["path"])["responses"].get(str(answer["status"]))
    if response is None:
        yield "this status is not described"
        return
    response = description.followed(response)
    content = response["content"].get(answer["type"])
    if content is None:
        yield f"{answer['type']} is not described"
        return
    is_json = answer["type"] == "application/json"
    yield from description.complaints(content["schema"],
                                      json.loads(answer["body"]) if is_json else answer["body"])
    for name, header in response.get("headers", {}).items():
        header = description.followed(header)
        if name in answer["headers"]:
            yield from description.complaints(header["schema"], answer["headers"][name])
        elif header.get("required"):
            yield f"{name} is missing"


def complaints_of_document(document, description):
    for pointer in refs_of(document):
        try:
            description.at(pointer)
        except KeyError:
            yield f"{pointer} leads nowhere"
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    names = [description.get(path)["operationId"] for path in document["paths"]]
    if len(set(names)) != len(document["paths"]) - sum("$ref" in item for item in document["paths"].values()):
        yield "two operations have one id"


def main():
    text = FILE.read_text()
    document = json.loads(text)
    description = Description(document)
    done = subprocess.run([PROGRAMS / "rest-answers"], stdout=subprocess.PIPE, check=True, text=True)
    shown = json.loads(done.stdout)
    problems = list(complaints_of_document(document, description))
    if document["openapi"] != "3.1.0":
        problems.append("another version of OpenAPI")
    if unpaired := set(shown["paths"]) ^ set(document["paths"]):
        sys.exit(f"not in both the API and its description: {sorted(unpaired)}")
    seen = set()
    for answer in shown["answers"]:
        if answer["path"] == "/v1.0/openapi.json" and answer["body"] != text:
            problems.append("another description is answered than the file has")
        problems += [f"{answer['host']}: {answer['target']}: {answer['status']}: {complaint}"
                     for complaint in complaints_of_answer(description, answer)]
        seen.add((answer["path"], str(answer["status"])))
    for path in document["paths"]:
        problems += [f"{path}: {status} is never shown"
                     for status in description.get(path)["responses"]
                     if (path, status) not in seen and (path.removeprefix("/v1.0"), status) not in seen]
    if problems:
        sys.exit("\n".join(problems))


main()
