"""A visitor of the emulator's console: creates, signs beside it, breaks the service, and is attacked by pages of other sites."""

import contextlib
import http.server
import os
import re
import shutil
import struct
import subprocess
import threading
import urllib.parse

import odd_aliases
from browser import Browser, check
from emulated import Service

STATE, MODULE, ROOT = os.environ["STATE"], os.environ["MODULE"], os.environ["ROOT"]
ADMIN = os.environ["ADMIN"]
PORT = urllib.parse.urlsplit(ADMIN).port
service = Service(STATE)

PICTURE = f"{ROOT}/docs/pictures/console.png"
PICTURE_SIZE = (1024, 640)
PICTURE_LIMIT = 150_000


def shown(text):
    """As the console shows text of others: what is invisible, or turns text around, as an escape."""
    hidden = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
    return hidden.sub(lambda match: f"\\u{{{ord(match.group()):x}}}", text)


def sign(alias, **settings):
    """Signs with OpenSSL and its engine; the status and everything it said."""
    with open("file", "w") as file:
        file.write("something to sign")
    uri = f"pkcs11:object={urllib.parse.quote(alias, safe='')};type=private"
    environment = {**os.environ, "PKCS11_MODULE_PATH": MODULE, "SM_LOG_LEVEL": "ERROR", "SM_LOG_OUTPUT": "stderr", **settings}
    done = subprocess.run(["openssl", "dgst", "-sha256", "-engine", "pkcs11", "-keyform", "engine", "-sign", uri, "-out", "sig", "file"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment, timeout=120)
    return done.returncode, done.stdout + done.stderr


def row(browser, table, *texts):
    """The text of the first row that contains all of these; None if there is none."""
    for line in browser.all(f"table[data-live={table}] tbody tr"):
        if all(text in line.text for text in texts):
            return line.text
    return None


def go(browser, path):
    browser.open(ADMIN + path)


def submit(browser, form):
    """Sends the form that changes something at this path."""
    browser.follow(f"form[method=post][action='{form}'] [type=submit]")


def visit(browser):
    go(browser, "/")
    check("the first page says what it is", browser.text("h1") == "Overview", browser.text("h1"))
    browser.examine("overview")

    # A keypair, by the form.
    browser.follow("nav a[href='/console/keypairs']")
    browser.fill("#alias", "release-key")
    browser.fill("#kind", "rsa-2048")
    submit(browser, "/console/keypairs")
    check("a visitor creates a keypair", "The keypair exists." in browser.text(".done") and "release-key" in browser.text(".facts"), browser.text("main"))
    keypair = browser.driver.current_url.split("?")[0].rsplit("/", 1)[1]
    browser.examine("a keypair")

    # Its signature arrives while the page is open.
    browser.follow("nav a[href='/console/signatures']")
    live = browser.until(lambda: "Live" in browser.text("[data-state]"))
    check("the page says that it is live", live)
    browser.run("window.before = true")
    status, said = sign("release-key")
    check("openssl signs beside it", status == 0, said)
    arrived = browser.until(lambda: row(browser, "signatures", "release-key", "SUCCESS", "stm-pkcs11/"))
    check("the record arrives by itself", arrived and browser.run("return window.before === true"), browser.text("main"))
    record = service.admin("/signatures")[-1]
    digest = subprocess.run(["sha256sum", "file"], capture_output=True, text=True).stdout.split()[0]
    check("the row has the beginning of the file's SHA-256", arrived and digest[:16] in arrived, arrived)
    browser.fill("#q", digest)
    browser.follow(".search [type=submit]")
    check("the SHA-256 of the file finds it", len(browser.all("tbody tr")) == 1 and record["id"][:8] in browser.text("tbody"), browser.text("main"))
    browser.examine("signatures")
    browser.follow(f"a[href='/console/signatures/{record['id']}']")
    fields = dict(zip(browser.texts(".facts dt"), browser.texts(".facts dd")))
    wrong = {name: value for name, value in record.items() if (value[0] if isinstance(value, list) else value) != fields.get(name)}
    check("its page has every field of the record", not wrong and len(record) >= 18, wrong)
    browser.examine("a signature record")

    # The service refuses, and the client's line says so.
    browser.follow("nav a[href='/console/faults']")
    browser.examine("faults")
    browser.fill("#target", "sign")
    browser.fill("#effect", "403")
    submit(browser, "/console/faults/add")
    check("a refusal is switched on", "403" in browser.text(".rules") and browser.text("nav .badge") == "on", browser.text("main"))
    browser.examine("faults with a rule")
    browser.follow("nav a[href='/console/requests']")
    browser.until(lambda: "Live" in browser.text("[data-state]"))
    status, said = sign("release-key")
    check("openssl fails in the words of the service", status != 0 and "does not have rights to access the keypair" in said, said)
    refused = browser.until(lambda: row(browser, "requests", "POST", "/sign", "403 (fault)", "stm-pkcs11/"))
    check("the client's line arrives", refused, browser.text("main"))
    browser.examine("requests")
    picture(browser)
    browser.follow("nav a[href='/console/faults']")
    submit(browser, "/console/faults/remove")
    check("it is switched off", "No fault rule." in browser.text("main") and not browser.all("nav .badge"), browser.text("main"))
    status, said = sign("release-key")
    check("openssl signs again", status == 0, said)

    # OFFLINE, renewed, deleted.
    go(browser, f"/console/keypairs/{keypair}")
    submit(browser, f"/console/keypairs/{keypair}/offline")
    status, said = sign("release-key")
    check("an OFFLINE keypair does not sign", status != 0 and "OFFLINE" in said, said)
    submit(browser, f"/console/keypairs/{keypair}/online")
    submit(browser, f"/console/keypairs/{keypair}/renew")
    names = browser.texts("article h3")
    check("a renewed keypair has two certificates, the new one first", len(names) == 2 and "release-key-cert-2" in names[0] and "default" in names[0], names)
    browser.follow("article:nth-of-type(2) [type=submit]")
    names = browser.texts("article h3")
    check("the earlier one is the default again", "default" in names[1] and "default" not in names[0], names)
    browser.follow(f"a[href='/console/keypairs/{keypair}/delete']")
    browser.examine("the question before a keypair is deleted")
    submit(browser, f"/console/keypairs/{keypair}/delete")
    status, said = sign("release-key")
    check("a deleted keypair does not sign", "is deleted" in browser.text(".done") and status != 0, said)
    go(browser, "/console/no-such-page")
    said = browser.console()
    check("a page that is not there says so", browser.text("h1") == "Not found" and len(said) == 1 and "404" in said[0], [browser.text("main"), said])


def secrets(browser):
    hidden = [os.environ["SM_API_KEY"], os.environ["SM_CLIENT_CERT_PASSWORD"]]
    for path in ("/", "/console/keypairs", "/console/signatures", "/console/requests", "/console/faults"):
        go(browser, path)
        source = browser.driver.page_source
        check(f"no secret is on {path}", not any(secret in source for secret in hidden))
    go(browser, "/")
    submit(browser, "/console/secrets")
    values = browser.texts(".variables dd code")
    wanted = [os.environ[name] for name in ("SM_HOST", "SM_API_KEY", "SM_CLIENT_CERT_FILE", "SM_CLIENT_CERT_PASSWORD", "SM_CA_FILE", "STM_EMULATOR_TSA")]
    check("a click shows them, and the other variables, as they are to be copied", values == wanted, values)
    browser.follow(".button[href='/']")
    check("another click hides them", not any(secret in browser.driver.page_source for secret in hidden))
    browser.quiet("the secrets")


def keyboard(browser):
    for path in ("/", "/console/keypairs", "/console/signatures", "/console/faults"):
        go(browser, path)
        missed = browser.unreachable()
        check(f"the keyboard reaches everything on {path}, and shows where it is", not missed, missed)
    go(browser, "/")
    browser.keys("tab", "enter")
    check("the first key skips to the content", browser.driver.current_url.endswith("#content"), browser.driver.current_url)


def copying(browser):
    go(browser, "/")
    browser.command("Browser.grantPermissions", origin=ADMIN, permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    button = "[aria-label='Copy SM_CLIENT_CERT_FILE']"
    browser.click(button)
    copied = browser.until(lambda: browser.text(button) == "Copied") and browser.run("return navigator.clipboard.readText()")
    check("a button copies a variable", copied == os.environ["SM_CLIENT_CERT_FILE"], copied)


def restart():
    """An emulator that ends and begins again, at the same address, while a page is open."""
    shutil.copytree(STATE, "restarted", ignore=shutil.ignore_patterns("lock", "pid"))
    with contextlib.ExitStack() as end:
        def start(address):
            process = subprocess.Popen([os.environ["EMULATOR"], "--state", "restarted", "--admin", address], stdout=subprocess.PIPE, text=True)
            end.callback(process.wait, timeout=30)
            end.callback(process.terminate)
            return process, process.stdout.readline().split()[-1]

        process, address = start("127.0.0.1:0")
        browser = end.enter_context(Browser(address))
        browser.open(address + "/console/requests")
        browser.until(lambda: "Live" in browser.text("[data-state]"))
        process.terminate()
        check("an open page does not keep the emulator from ending", process.wait(timeout=30) == 0)
        lost = browser.until(lambda: "The connection is lost" in browser.text("[data-state]"))
        check("  and says that the connection is lost", lost, browser.text("main"))
        _, again = start(urllib.parse.urlsplit(address).netloc)
        missing = browser.until(lambda: "Some rows are missing here" in browser.text("[data-state]"))
        check("after a restart it says that rows may be missing", again == address and missing, browser.text("main"))


def without_scripts(browser):
    browser.scripts(False)
    go(browser, "/console/keypairs")
    browser.fill("#alias", "plain")
    browser.fill("#kind", "p-256")
    submit(browser, "/console/keypairs")
    check("without scripts: a keypair is created", "The keypair exists." in browser.text(".done"), browser.text("main"))
    check("without scripts: no button that does nothing", not browser.all("button[type=button]"))
    go(browser, "/console/faults")
    browser.fill("#effect", "503")
    submit(browser, "/console/faults/add")
    check("without scripts: a fault is switched on", service.admin("/faults")[0]["status"] == 503)
    submit(browser, "/console/faults/calm")
    check("without scripts: everything is switched off", service.admin("/faults") == [], browser.text("main"))
    status, said = sign("plain", STM_PKCS11_CACHE="off")
    go(browser, "/console/requests")
    check("without scripts: a reload shows the request", status == 0 and row(browser, "requests", "POST", "/sign", "200"), said)
    go(browser, "/console/signatures")
    check("without scripts: and the signature", row(browser, "signatures", "plain", "SUCCESS"), browser.text("main"))
    go(browser, "/")
    submit(browser, "/console/secrets")
    check("without scripts: a click shows the secrets", os.environ["SM_API_KEY"] in browser.driver.page_source)
    browser.scripts(True)


# The alias or the search on a page; elements that no page of the console has; the last text to copy.
LOOK = """
const foreign = [...document.querySelectorAll('b, x, img, svg, style, iframe, object, embed, base, meta[http-equiv], script:not([src="/console/console.js"])')];
if (typeof ran !== 'undefined') foreign.push(document.body);
const copies = document.querySelectorAll('[data-copy]'), alias = document.querySelector('.facts dd'), query = document.querySelector('#q');
return [query ? query.value : alias ? alias.textContent : null, foreign.map(e => e.outerHTML.slice(0, 200)), copies.length ? copies[copies.length - 1].textContent : null];
"""


def odd_names(browser):
    """Every alias is text: in lists, on its page, and in rows that arrive."""
    names = [*odd_aliases.ALIASES, *odd_aliases.MARKUP]
    keypairs = {name: service.create(name) for name in names}
    browser.requests(), browser.console()
    go(browser, "/console/keypairs")
    found = browser.texts("td.name")
    missing = [name for name in names if shown(name.strip()) not in found]
    check(f"{len(names)} odd aliases are in the list as they are", not missing, missing)
    browser.examine("odd aliases")
    found, commands = {}, []
    for name, identity in keypairs.items():
        go(browser, f"/console/keypairs/{identity}")
        alias, foreign, command = browser.run(LOOK)
        commands.append(command)
        if alias != shown(name.strip()) or foreign:
            found[name] = [alias, foreign]
    check("the page of each shows it, and nothing of it is markup", not found, found)
    # The commands to copy have the aliases in a form that a shell and OpenSSL read back.
    script = "".join(f"printf '%s\\n' {command}\n" for command in commands)
    said = subprocess.run(["sh", "-c", script], capture_output=True, text=True).stdout.split("\n")
    read = [urllib.parse.unquote(word.split("object=")[1].split(";type")[0]) for word in said if word.startswith("pkcs11:")]
    check("the command of each signs with it", read == [name.strip() for name in names], read)
    go(browser, "/console/signatures")
    browser.until(lambda: "Live" in browser.text("[data-state]"))
    for name in odd_aliases.MARKUP:
        service.post(f"keypairs/{keypairs[name]}/sign", {"hash": "AAAA" * 10 + "AAA=", "sig_alg": "SHA256WithECDSA"})
    last = shown(odd_aliases.MARKUP[-1])
    browser.until(lambda: last in browser.texts("td.name"))
    arrived = browser.texts("td.name")
    missing = [name for name in odd_aliases.MARKUP if shown(name.strip()) not in arrived]
    check("in rows that arrive, they are text, too", not missing and not browser.run(LOOK)[1], missing)
    for name in odd_aliases.MARKUP:
        go(browser, "/console/keypairs?" + urllib.parse.urlencode({"q": name}))
        query, foreign, _ = browser.run(LOOK)
        if query != name.strip() or foreign:
            check("a search for one shows it", False, [query, foreign])
    browser.quiet("odd aliases")


ATTACK = """<!doctype html><html lang="en"><title>Attack</title><main><h1>Attack</h1>
<iframe id="frame" name="target"></iframe>
<form id="form" method="post" target="target" action="ADMIN/console/faults/add"><input name="target" value="all"><input name="effect" value="500"></form>
<script>
const results = {}, frame = document.getElementById('frame'), form = document.getElementById('form');
async function attempt(name, action) {
    try { results[name] = await action(); } catch (error) { results[name] = 'refused by the browser'; }
}
const read = async (path, options) => (await fetch('ADMIN' + path, options)).text();
window.finished = (async () => {
    await attempt('reads keypairs', () => read('/console/keypairs'));
    await attempt('reads signatures', () => read('/signatures'));
    await attempt('seeds', () => read('/seed', { method: 'POST', mode: 'no-cors', headers: { 'Content-Type': 'text/plain' }, body: '{"keypairs": 1}' }));
    await attempt('puts', () => read('/faults', { method: 'PUT', body: '[{"status": 500}]' }));
    await attempt('posts a form', () => read('/console/faults/add', { method: 'POST', mode: 'no-cors', body: new URLSearchParams({ target: 'all', effect: '500' }) }));
    await attempt('listens', () => new Promise((good, bad) => {
        const source = new EventSource('ADMIN/console/events?after=');
        source.addEventListener('gap', () => good('it can'));
        source.onopen = () => good('it can');
        source.onerror = () => { source.close(); bad(); };
    }));
    await attempt('loads a script', () => new Promise((good, bad) => {
        const script = document.createElement('script');
        script.src = 'ADMIN/console/console.js';
        script.onload = () => good('it can');
        script.onerror = bad;
        document.body.append(script);
    }));
    await new Promise(done => { frame.onload = done; form.submit(); setTimeout(done, 5000); });
    results['submits a form into a frame'] = (() => { try { return frame.contentDocument.body.textContent; } catch { return 'refused by the browser'; } })();
    await new Promise(done => { frame.onload = done; frame.src = 'ADMIN/'; setTimeout(done, 5000); });
    results['shows it in a frame'] = (() => { try { return frame.contentDocument.body.textContent; } catch { return 'refused by the browser'; } })();
    window.results = results;
})();
</script></main></html>"""


class OtherSite(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(ATTACK.replace("ADMIN", ADMIN).encode())

    def log_message(self, *_):
        pass


def attacks():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), OtherSite)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def state():
        return {path: service.admin(path) for path in ("/faults", "/latency", "/rate-limit", "/tsa", "/signatures")} | {"keypairs": service.admin("/stats")["keypairs"]}

    before = state()
    with Browser(ADMIN, names=["evil.example"]) as browser:
        for origin in (f"http://evil.example:{server.server_port}", f"http://127.0.0.1:{server.server_port}", f"http://localhost:{server.server_port}"):
            browser.open(origin + "/")
            results = browser.until(lambda: browser.run("return window.results")) or {}
            asked = [url for url in browser.requests() if url.startswith(ADMIN)]
            allowed = {name: what for name, what in results.items() if what not in ("refused by the browser", "")}
            # An opaque answer of a fetch without CORS is an empty text.
            check(f"a page of {urllib.parse.urlsplit(origin).hostname} reads nothing, though it tries", len(results) == 9 and not allowed and len(asked) >= 8, [results, asked])
            check("  and changes nothing", state() == before, state())
            browser.console()
        # A name that its owner lets point to this machine: its page is of the console's own origin for the browser.
        browser.open(f"http://evil.example:{PORT}/")
        text = browser.run("return document.body.textContent")
        check("a rebound name gets no page", "Host is not a name of the admin port" in text and "Overview" not in text, text)
        text = browser.run("return fetch('/signatures').then(answer => answer.text())")
        check("  and reads nothing", "Host is not a name of the admin port" in text, text)
        browser.run("return fetch('/seed', { method: 'POST', body: '{\"keypairs\": 1}' })")
        check("  and changes nothing", state() == before, state())
        # A link of another site is followed to nothing; the console itself works in the same browser.
        browser.open(f"http://evil.example:{server.server_port}/")
        browser.run("const link = document.createElement('a'); link.href = arguments[0]; document.body.append(link); link.click()", ADMIN + "/console/keypairs")
        text = browser.until(lambda: "another site" in browser.run("return document.body.textContent") and browser.run("return document.body.textContent"))
        check("a link of another site leads to no page", text and "release" not in text, text)
        go(browser, "/")
        check("the address that a person types leads to the console", browser.text("h1") == "Overview")


def picture(browser):
    """The picture of the README: the page of requests, after a refusal."""
    if os.environ.get("UPDATE_DOCS"):
        os.makedirs(os.path.dirname(PICTURE), exist_ok=True)
        browser.picture(PICTURE, *PICTURE_SIZE)
        browser.width(1024)
    try:
        data = open(PICTURE, "rb").read()
    except OSError as error:
        data = b""
        check("the picture of the README is there", False, f"{error}; write it with UPDATE_DOCS=1 tests/browser/run console")
    size = struct.unpack(">II", data[16:24]) if data[:8] == b"\x89PNG\r\n\x1a\n" else None
    check("the picture of the README is a PNG of its size", size == PICTURE_SIZE and len(data) < PICTURE_LIMIT, f"{size}, {len(data)} bytes")


with Browser(ADMIN) as visitor:
    visit(visitor)
    secrets(visitor)
    keyboard(visitor)
    copying(visitor)
    without_scripts(visitor)
    odd_names(visitor)
attacks()
restart()
