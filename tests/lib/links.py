"""links.py PAGE...: prints each relative link that leads to no file, or to no heading of its page."""

import os
import re
import sys


def anchors(path):
    """The names that headings of a Markdown page get: lower case, without punctuation, spaces as hyphens."""
    found, fenced = set(), False
    for line in open(path, encoding="utf-8"):
        if line.startswith("```"):
            fenced = not fenced
        elif not fenced and (match := re.match(r"#+ (.*)", line)):
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", match.group(1)).strip().lower()
            found.add(re.sub(r"[^\w\- ]", "", text).replace(" ", "-"))
    return found


def main():
    for page in sys.argv[1:]:
        text = re.sub(r"```.*?```", "", open(page, encoding="utf-8").read(), flags=re.DOTALL)
        for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", text)):
            if re.match(r"[a-z]+:", link):
                continue
            file, _, anchor = link.partition("#")
            target = os.path.normpath(os.path.join(os.path.dirname(page), file)) if file else page
            if not os.path.exists(target):
                print(f"{page}: {link}: there is no such file")
            elif anchor and target.endswith(".md") and anchor not in anchors(target):
                print(f"{page}: {link}: there is no such heading")


main()
