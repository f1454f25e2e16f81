"""The checks of tests/lib/browser.py find what they look for: a page with every defect, and one with none."""

import contextlib
import http.server
import io
import threading

import browser
from browser import Browser, check

SOUND = """<!doctype html><html lang="en"><title>Sound</title><style>:root{color-scheme:light dark}</style>
<main><h1>Sound</h1><h2>Part</h2><label>Name <input></label><button>Go</button><svg role="img" aria-label="a chart" width="9" height="9"></svg></main></html>"""

BROKEN = """<!doctype html><html><style>#far{width:3000px}#faint{color:#999;background:#aaa}input:focus{outline:none}@media (prefers-color-scheme:dark){html{background:#000}}</style>
<h1>Broken</h1><h3 id="a">Skipped</h3><p id="a">twice</p><div id="far">far</div><p id="faint">faint</p><input><button tabindex="-1">Hidden from keys</button>
<svg role="img" width="9" height="9"></svg><img src="http://evil.example/x.png"><script>console.error("a complaint")</script></html>"""


class Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        page = {"/sound": SOUND, "/broken": BROKEN}.get(self.path, "")
        self.send_response(200 if page else 204)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, *_):
        pass


def examined(visitor, url):
    """The lines of `examine`, verdict and promise."""
    visitor.open(url)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        visitor.examine("page")
    return [line.split("\t")[:2] for line in said.getvalue().splitlines()]


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
threading.Thread(target=server.serve_forever, daemon=True).start()
origin = f"http://127.0.0.1:{server.server_port}"

with Browser(origin) as visitor:
    good = examined(visitor, origin + "/sound")
    check("a sound page passes every check", good and all(verdict == "ok" for verdict, _ in good), good)
    check("the keyboard reaches everything on it", visitor.unreachable() == [], visitor.unreachable())
    bad = examined(visitor, origin + "/broken")
    check("a broken page fails every check", len(bad) == len(good) and all(verdict == "FAIL" for verdict, _ in bad), bad)
    missed = visitor.unreachable()
    check("a button without the keyboard, and a field without a sign of focus, are found", len(missed) == 2, missed)
    visitor.scripts(False)
    visitor.open(origin + "/broken")
    check("without scripts none runs", visitor.console() == [] or not any("a complaint" in line for line in visitor.console()))
    browser.PATIENCE = 0.2
    check("what does not come is not waited for without end", not visitor.until(lambda: visitor.one("#nothing")))
