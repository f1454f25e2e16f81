"""A real browser for the visitors in tests/browser/: Chromium without a window, and what every page of the project must be.

    from browser import Browser, check

    with Browser("http://127.0.0.1:1234") as browser:     # the only origins that its pages may ask; none for a file
        browser.open("http://127.0.0.1:1234/")            # or the path of a file
        check("it has a heading", browser.text("h1") == "Report", browser.text("h1"))
        browser.examine("the report")                     # three widths, dark and light, names, contrast, console, requests

`check` prints one line that tests/browser/run counts. The browser resolves no name but `localhost` and those in `names`, so that a page that asks
another host fails here as it would without a network.
"""

import json
import os
import pathlib
import tempfile
import time
import urllib.parse

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

# A phone, a laptop, a large screen; in CSS pixels.
WIDTHS = (360, 1024, 2560)
# Seconds until what a page promises must be there. Generous: a loaded machine is slow, and nothing waits longer than it must.
PATIENCE = 30


def check(promise, good, reason=""):
    """One line for tests/browser/run."""
    def line(value):
        return str(value).encode("unicode_escape").decode()[:600]
    print("ok" if good else "FAIL", line(promise), line(reason), sep="\t", flush=True)


class Browser:
    """One Chromium with an empty profile. `origins`: what its pages may ask; `names`: further host names that lead to this machine."""

    def __init__(self, *origins, names=()):
        self.allowed = set(origins)
        os.environ["no_proxy"] = "*"  # the driver is on this machine
        self.profile = tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True)
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        rules = [f"MAP {name} 127.0.0.1" for name in names] + ["MAP * ~NOTFOUND", "EXCLUDE 127.0.0.1", "EXCLUDE localhost"]
        for argument in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server", "--disable-background-networking",
                         "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--lang=en-GB", f"--user-data-dir={self.profile.name}",
                         "--host-resolver-rules=" + ", ".join(rules)):
            options.add_argument(argument)
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")  # Chromium has none for root
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver", log_path=os.devnull), options=options)
        self.driver.set_page_load_timeout(PATIENCE)
        self.width(1024)
        self.requests()  # those of the browser's own first page

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.driver.quit()
        self.profile.cleanup()

    # Where it is and how it looks

    def open(self, place):
        """Opens a URL, or a file; a file may load nothing but itself."""
        if "://" not in place:
            place = pathlib.Path(place).absolute().as_uri()
            self.allowed.add(place)
        self.driver.get(place)

    def width(self, pixels, height=900):
        self.command("Emulation.setDeviceMetricsOverride", width=pixels, height=height, deviceScaleFactor=1, mobile=False)

    def appearance(self, scheme=None, medium=""):
        """`light` or `dark`, for the screen or for `print`; without arguments as the browser has it."""
        features = [{"name": "prefers-color-scheme", "value": scheme}] if scheme else []
        self.command("Emulation.setEmulatedMedia", media=medium, features=features)

    def scripts(self, allowed):
        """Switches scripts on or off, for the pages opened from here on."""
        self.command("Emulation.setScriptExecutionDisabled", value=not allowed)

    def command(self, name, **parameters):
        """A command of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(name, parameters)

    def picture(self, path, width, height):
        """The upper part of the page as PNG."""
        self.width(width, height)
        self.driver.save_screenshot(path)

    # What is on the page

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.one(selector).text

    def texts(self, selector):
        """The text content of every match, as it is in the document: white space included, hidden or not."""
        return self.run("return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)", selector)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def fill(self, selector, value):
        element = self.one(selector)
        if element.tag_name == "select":
            element.find_element(By.XPATH, f".//option[@value='{value}']").click()
            return
        element.clear()
        element.send_keys(value)

    def click(self, selector):
        self.one(selector).click()

    def follow(self, selector):
        """Clicks a link or a button that leads to another page, and waits for that page."""
        def gone():
            try:
                return not before.is_enabled()
            except StaleElementReferenceException:
                return True
        before = self.one("html")
        self.click(selector)
        self.until(gone)
        self.until(lambda: self.run("return document.readyState") == "complete")

    def keys(self, *names):
        """Presses keys one after the other, such as `tab` and `enter`."""
        for name in names:
            webdriver.ActionChains(self.driver).send_keys(getattr(Keys, name.upper())).perform()

    def until(self, condition):
        """Waits until `condition()` is true, and returns its last value; a page that changes meanwhile is looked at again."""
        end, value = time.monotonic() + PATIENCE, None
        while time.monotonic() < end:
            try:
                value = condition()
                if value:
                    return value
            except WebDriverException:  # an element that is not there, not there any more, or on a page that is just left
                pass
            time.sleep(0.05)
        return value

    # What it did

    def console(self):
        """The messages of the console since the last call, without those of a lower level than warning."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("WARNING", "SEVERE")]

    def requests(self):
        """Every URL asked for since the last call, also by what was not allowed to."""
        urls = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                urls.append(message["params"]["request"]["url"])
            elif message["method"] in ("Network.webSocketCreated", "Network.webTransportCreated"):
                urls.append(message["params"]["url"])
        return urls

    def strangers(self):
        """The requests since the last call that went elsewhere."""
        def own(url):
            parts = urllib.parse.urlsplit(url)
            return parts.scheme in ("data", "blob", "about") or f"{parts.scheme}://{parts.netloc}" in self.allowed or url.split("#")[0] in self.allowed
        return [url for url in self.requests() if not own(url)]

    # What every page must be

    def examine(self, name):
        """Checks the page at the three widths, dark and light: nothing scrolls sideways, everything has a name and can be read, nothing complains."""
        wrong = []
        for width in WIDTHS:
            self.width(width)
            wide = self.run(SIDEWAYS)
            if wide:
                wrong.append(f"{width}: {wide}")
        check(f"{name}: nothing scrolls sideways at {', '.join(map(str, WIDTHS))} pixels", not wrong, wrong)
        self.width(1024)
        for scheme in ("light", "dark"):
            self.appearance(scheme)
            faint = self.run(FAINT)
            check(f"{name}: every text has enough contrast in the {scheme} scheme", not faint, faint)
        self.appearance()
        nameless = self.nameless()
        check(f"{name}: every control and picture has a name for screen readers", not nameless, nameless)
        outline = self.run(OUTLINE)
        check(f"{name}: language, title, one main part, headings in order, no id twice", not outline, outline)
        self.quiet(name)

    def quiet(self, name):
        """Checks that nothing was complained about, or asked from another host, since the last call."""
        said, strangers = self.console(), self.strangers()
        check(f"{name}: the console has no warning and no error", not said, said)
        check(f"{name}: nothing is requested from another host", not strangers, strangers)

    def nameless(self):
        """The controls and pictures without an accessible name, by role."""
        roles = {"button", "link", "textbox", "searchbox", "combobox", "listbox", "checkbox", "radio", "spinbutton", "slider", "image", "img", "graphics-document", "table", "region"}
        found = []
        for node in self.command("Accessibility.getFullAXTree")["nodes"]:
            role = node.get("role", {}).get("value")
            if not node.get("ignored") and role in roles and not str(node.get("name", {}).get("value", "")).strip():
                found.append(role)
        return found

    def unreachable(self):
        """What the Tab key does not reach, or reaches without a sign: every link, button, field and `summary` that is visible."""
        self.run("document.activeElement.blur(); window.scrollTo(0, 0)")
        wanted = self.run(MARK_CONTROLS)
        reached, dim = set(), []
        for _ in range(2 * wanted + 20):
            self.keys("tab")
            number, visible, shown = self.run(FOCUSED)
            if number is None:
                continue
            if number in reached:
                break
            reached.add(number)
            if not visible:
                dim.append(shown)
        missed = self.run("return controls.filter((_, i) => !arguments[0].includes(i)).map(e => e.outerHTML.slice(0, 120))", sorted(reached))
        return missed + dim


SIDEWAYS = """
const root = document.documentElement;
if (root.scrollWidth > root.clientWidth) {
    const far = [...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > root.clientWidth + 1);
    return `${root.scrollWidth} pixels: ` + far.slice(0, 3).map(e => e.outerHTML.slice(0, 100)).join(' ');
}
for (const e of [root, document.body])
    if (['hidden', 'clip'].includes(getComputedStyle(e).overflowX)) return 'it only hides what is too wide';
return null;
"""

# WCAG 2.1, 1.4.3: 4.5 to 1, for large text 3 to 1.
FAINT = """
const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
function rgba(colour) {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
}
const over = (top, below) => top.slice(0, 3).map((c, i) => c * top[3] + below[i] * (1 - top[3])).concat(1);
const probe = document.body.appendChild(document.createElement('div'));
probe.style.setProperty('background-color', 'Canvas');
const paper = rgba(getComputedStyle(probe).backgroundColor);
probe.remove();
function background(element) {
    const layers = [];
    for (let e = element; e; e = e.parentElement) layers.push(rgba(getComputedStyle(e).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), paper);
}
const luminance = colour => colour.slice(0, 3).map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node = walker.nextNode(); node && found.length < 5; node = walker.nextNode()) {
    const element = node.parentElement, style = getComputedStyle(element);
    if (!node.data.trim() || !element.checkVisibility() || ['SCRIPT', 'STYLE', 'NOSCRIPT', 'OPTION', 'desc', 'title'].includes(element.tagName)) continue;
    const below = background(element);
    const ink = over(rgba(element instanceof SVGElement ? style.fill : style.color), below);
    const [high, low] = [luminance(ink), luminance(below)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05), size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    if (ratio < needed) found.push(`${ratio.toFixed(2)}: ${node.data.trim().slice(0, 40)}`);
}
return found;
"""

OUTLINE = """
const wrong = [], ids = [...document.querySelectorAll('[id]')].map(e => e.id);
if (!document.documentElement.lang) wrong.push('no language');
if (!document.title.trim()) wrong.push('no title');
if (document.querySelectorAll('main').length !== 1) wrong.push('not one main');
if (document.querySelectorAll('h1').length !== 1) wrong.push('not one h1');
let before = 0;
for (const heading of document.querySelectorAll('h1,h2,h3,h4,h5,h6')) {
    const level = Number(heading.tagName[1]);
    if (level > before + 1) wrong.push(`${heading.tagName} ${heading.textContent} after h${before}`);
    before = level;
}
for (const id of new Set(ids)) if (ids.filter(other => other === id).length > 1) wrong.push(`id ${id} twice`);
for (const cell of document.querySelectorAll('table')) if (!cell.querySelector('th')) wrong.push('a table without headings');
return wrong.slice(0, 5);
"""

MARK_CONTROLS = """
window.controls = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary')]
    .filter(e => e.checkVisibility() && !e.disabled);
return controls.length;
"""

FOCUSED = """
const e = document.activeElement, place = window.controls.indexOf(e), style = getComputedStyle(e);
return [place < 0 ? null : place, style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== 'none', 'no sign of focus: ' + e.outerHTML.slice(0, 100)];
"""
