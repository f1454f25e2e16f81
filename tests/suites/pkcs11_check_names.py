"""Prints "pass NAME", "fail NAME" or "skip NAME" for each test function in report.jsonl files of pkcs11-check.

A function with parameters is one test: it fails when it does with any of them, and passes when it passes with one and fails
with none. "skip" is a test that skips itself, or that the suite expects to fail, since the token says it cannot do the thing.
"""

import json
import re
import sys

results = {}
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as report:
        records = [json.loads(line) for line in report]
    for record in records:
        if record.get("$report_type") != "TestReport":
            continue
        name = re.sub(r"^.*testcases/", "", record["nodeid"]).split("[")[0].replace("/", ".").replace(".py::", ".").replace("::", ".")
        # "skipped" is also an expected failure, and an expected failure that passes is "passed" in the report.
        outcome = record["outcome"]
        if record["when"] != "call" and outcome == "passed":
            continue
        results.setdefault(name, set()).add(outcome)
for name, outcomes in sorted(results.items()):
    print("fail" if "failed" in outcomes else "pass" if "passed" in outcomes else "skip", name)
