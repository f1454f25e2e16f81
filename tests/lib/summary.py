"""Examines a rendered summary of `ledger report --markdown`; prints what is wrong.

summary.py SUMMARY.html
"""

import html.parser
import sys
import unicodedata

from odd_aliases import ALIASES, MARKUP

# What the report itself writes, and nothing else: no link, picture, input, emphasis or mention.
OURS = {"h2", "h3", "p", "table", "thead", "tbody", "tr", "th", "td", "code"}


class Summary(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.wrong, self.codes, self.row, self.columns, self.heading, self.within = [], set(), 0, 0, 0, []

    def handle_starttag(self, tag, attributes):
        if tag not in OURS or any(name != "align" for name, _ in attributes):
            self.wrong.append(f"<{tag} {attributes}>")
        self.within.append(tag)
        if tag == "code":
            self.codes.add("")
            self.text = ""
        if tag == "tr":
            self.row = 0
        self.row += tag in ("td", "th")

    def handle_endtag(self, tag):
        if self.within and self.within[-1] == tag:
            self.within.pop()
        else:
            self.wrong.append(f"</{tag}> in {self.within}")
        if tag == "code":
            self.codes.add(self.text)
        if tag == "thead":
            self.columns = self.row
        if tag == "tr" and "tbody" in self.within and self.row != self.columns:
            self.wrong.append(f"{self.row} cells of {self.columns}")

    def handle_data(self, text):
        if "code" in self.within:
            self.text += text
        elif set(text) & set("@`<&*~$[]\\"):
            self.wrong.append(f"outside code: {text!r}")


def shown(name):
    """As the companion shows names, and without what ends code or a cell."""
    text, before = "", ""
    for place, character in enumerate(name):
        hidden = unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp") or character in "`|"
        begins = character == ":" and text.lstrip() == ":"
        if hidden or begins or (character == "#" and before == "#"):
            text, before = text + f"\\u{{{ord(character):x}}}", ""
        else:
            text, before = text + character, character
    return text


summary = Summary()
summary.feed(open(sys.argv[1], encoding="utf-8").read())
for line in summary.wrong[:10]:
    print(line)
# The keypairs that spent most are all listed; the others are in tables that are cut. Names are cut to 256 bytes by the module, not here.
known = {shown(name).strip() for name in [*ALIASES, *MARKUP]}
listed = [code for code in summary.codes if code.strip() in known]
if len(listed) < 25:
    print(f"only {len(listed)} names are found as they are")
