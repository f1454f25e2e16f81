"""Compares JSON with an entry of docs/companion.schema.json.

schema.py SCHEMA NAME < JSON
"""
import json
import sys

import jsonschema

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
name = sys.argv[2]
if name not in schema["$defs"]:
    sys.exit(f"{sys.argv[1]} has no entry for '{name}'")
reference = "#/$defs/" + name.replace(" ", "%20")
jsonschema.Draft202012Validator({**schema, "$ref": reference}).validate(json.load(sys.stdin))
