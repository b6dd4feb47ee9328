# SPDX-License-Identifier: Apache-2.0
"""What the tests of printed JSON share."""


def closed(schema):
    """The schema, with keys that it does not name refused."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(value) for key, value in schema.items() if key not in ("if", "then", "else")}
    if schema.get("type") == "object":
        inner["additionalProperties"] = False
    inner.update({key: schema[key] for key in ("if", "then", "else") if key in schema})
    return inner


def keys_of_document(value, prefix=""):
    """"gpus", "gpus[].index" and so on."""
    for key, inner in value.items():
        yield prefix + key
        if isinstance(inner, dict):
            yield from keys_of_document(inner, prefix + key + ".")
        for item in inner if isinstance(inner, list) else []:
            if isinstance(item, dict):
                yield from keys_of_document(item, prefix + key + "[].")
