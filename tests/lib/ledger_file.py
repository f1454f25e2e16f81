"""Writes ledgers as the module does, with any names and of any length."""

import hashlib
import json


class Ledger:
    """A ledger with one request after another, the oldest first; it begins at `begin`, and the file is written by `save`."""

    def __init__(self, begin):
        self.lines = []
        self.previous = hashlib.sha256(b"").hexdigest()
        self.spent = {"date": "", "day": 0, "month": 0, "year": 0, "total": 0}
        self.add(begin, {"ledger": "stm-pkcs11", "version": 1}, "head")

    def add(self, time, first, kind, after=None, change=0):
        date = time.strftime("%Y-%m-%d")
        if date > self.spent["date"]:
            for period, length in (("day", 10), ("month", 7), ("year", 4)):
                if date[:length] != self.spent["date"][:length]:
                    self.spent[period] = 0
            self.spent["date"] = date
        for period in ("day", "month", "year", "total"):
            self.spent[period] += change
        number = len(self.lines) + 1
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03}Z"
        line = {**first, "n": number, "line": kind, "time": stamp, **(after or {}), "spent": self.spent, "prev": self.previous}
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
        self.previous = hashlib.sha256(text.encode()).hexdigest()
        self.lines.append(text)
        return number

    def request(self, time, keypair="release", command="jarsigner ...", host="builder", user="ci", process="java", outcome="signed", why=None):
        """A request and its outcome; None for one that was not completed."""
        subject = {"host": host, "user": user, "pid": 1, "process": process, "command": command, "keypair": keypair, "keypair_id": "k-" + str(len(keypair)),
                   "sig_alg": "SHA256WithRSA", "digest": "00" * 32}
        if outcome == "reused":
            self.add(time, {}, "reused", {**subject, "outcome": "reused", "signature_id": "s-old", "bytes": 384})
            return
        number = self.add(time, {}, "request", subject, 1)
        if outcome:
            end = {"of": number, "outcome": outcome, "ms": 120, "attempts": 1}
            end.update({"signature_id": f"s-{number}", "bytes": 384} if outcome == "signed" else {"why": why or "the service refused"})
            self.add(time, {}, "completed", end, 0 if outcome in ("signed", "unknown", "unverified") else -1)

    def save(self, path):
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(self.lines) + "\n")
