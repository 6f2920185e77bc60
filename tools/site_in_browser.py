#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Looks at every page of the built site in a browser without a window: light and dark, as wide as a desk and as a telephone.

    site_in_browser.py [SITE] [--pictures DIR] [--only TEXT]

A page must not be wider than its window (tables and programs may scroll on their own), every link and anchor inside the site
must lead somewhere, every picture must be there, the console must have no errors, and nothing may come from elsewhere.
Prints a table of the pages and leaves a picture of each.
"""
import argparse
import base64
import fcntl
import functools
import html.parser
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
WIDTHS = {1280: 900, 390: 844}
SCHEMES = ("light", "dark")
TALLEST = 8000  # of a picture, in pixels

# What is seen of a page once it stands.
LOOK = """(async (width) => {
  await document.fonts.ready;
  // The page's own program places the sidebars in the next frame.
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const scrolls = (element) => ["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(element).overflowX);
  const kept = (element) => {
    for (let up = element.parentElement; up && up !== document.body; up = up.parentElement) if (scrolls(up)) return true;
    return false;
  };
  const found = [];
  const wide = Math.max(document.documentElement.scrollWidth, document.body.scrollWidth);
  if (wide > width) {
    const guilty = [...document.querySelectorAll("body *")].filter(
        (e) => e.getBoundingClientRect().right > width + 1 && !kept(e) && getComputedStyle(e).position !== "fixed");
    found.push(`is ${wide} wide: ` + guilty.slice(-2).map((e) => e.tagName.toLowerCase() + " " + e.textContent.trim().slice(0, 40)).join(", "));
  }
  for (const picture of document.images) {
    picture.loading = "eager";
    await picture.decode().catch(() => {});
    if (!picture.naturalWidth) found.push("lacks the picture " + picture.getAttribute("src"));
  }
  const inner = document.querySelector("[data-md-component=content]") || document.body;
  const scrolling = [...inner.querySelectorAll("*")].filter((e) => scrolls(e) && e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 50);
  return {found, scheme: document.body.dataset.mdColorScheme, scrolling: scrolling.length,
          height: document.documentElement.scrollHeight};
})"""


class Browser:
    """Chromium, spoken to through a pipe: https://chromedevtools.github.io/devtools-protocol."""

    def __init__(self, scratch):
        program = shutil.which("chromium") or shutil.which("google-chrome") or sys.exit("no chromium: apt-get install chromium")
        ours_out, theirs_in = self._pipe()
        theirs_out, ours_in = self._pipe()
        # It reads its descriptor 3 and writes 4.
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{ours_out} 4>&{ours_in}', "bash", program, "--headless", "--remote-debugging-pipe",
             f"--user-data-dir={scratch}", "--no-first-run", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking",
             *(["--no-sandbox"] if os.getuid() == 0 else [])],
            pass_fds=(ours_out, ours_in), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(ours_out)
        os.close(ours_in)
        self.to, self.back, self.rest = os.fdopen(theirs_in, "wb", 0), theirs_out, b""
        self.number, self.session, self.events = 0, None, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")

    @staticmethod
    def _pipe():
        """Both ends above the two numbers that are spoken for."""
        ends = os.pipe()
        high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
        for end in ends:
            os.close(end)
        return high

    def _message(self):
        while b"\0" not in self.rest:
            more = os.read(self.back, 1 << 20)
            if not more:
                sys.exit("the browser has ended by itself")
            self.rest += more
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.to.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._message()
            if answer.get("id") == self.number:
                if "error" in answer:
                    sys.exit(f"the browser on {method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def open(self, address):
        """The page, with everything that belongs to it; what happened until then is in `events`."""
        self.call("Page.navigate", url="about:blank")
        self.events.clear()
        self.call("Page.navigate", url=address)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._message())

    def end(self):
        self.session = None
        self.call("Browser.close")
        self.process.wait(timeout=60)


def complaints(events, base):
    for event in events:
        what, told = event.get("method"), event.get("params", {})
        if what == "Log.entryAdded" and told["entry"]["level"] == "error":
            yield f"console: {told['entry']['text']} {told['entry'].get('url', '').removeprefix(base)}"
        elif what == "Runtime.consoleAPICalled" and told["type"] in ("error", "assert"):
            yield "console: " + " ".join(str(part.get("value", "")) for part in told["args"])
        elif what == "Runtime.exceptionThrown":
            yield "console: " + told["exceptionDetails"]["text"]
        elif what == "Network.requestWillBeSent" and not told["request"]["url"].startswith((base, "data:", "about:", "blob:")):
            yield "asks elsewhere: " + told["request"]["url"]


class Links(html.parser.HTMLParser):
    """What a page names, and what in it can be named."""

    def __init__(self, text):
        super().__init__()
        self.named, self.anchors = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.anchors.update(filter(None, (given.get("id"), given.get("name") if tag == "a" else None)))
        name = given.get("href" if tag in ("a", "link") else "src" if tag in ("img", "script") else "")
        if name is not None:
            self.named.append(name)


def dead_links(site, page, pages):
    for name in dict.fromkeys(pages[page].named):
        parts = urllib.parse.urlsplit(name)
        if parts.scheme or parts.netloc:
            continue
        path = urllib.parse.unquote(parts.path)
        target = site / path.lstrip("/") if path.startswith("/") else page.parent / path if path else page
        target = pathlib.Path(os.path.normpath(target / "index.html" if target.is_dir() else target))
        if not target.is_file() or site not in target.parents:
            yield "leads nowhere: " + name
        elif parts.fragment and target in pages and urllib.parse.unquote(parts.fragment) not in pages[target].anchors:
            if parts.fragment != "__skip" and not parts.fragment.startswith("__"):
                yield "no such place: " + name


def look(browser, base, address, name, pictures):
    """Findings, and how many things scroll sideways on their own, each by scheme and width."""
    for width, height in WIDTHS.items():
        browser.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        for scheme in SCHEMES:
            browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme},
                                                                 {"name": "prefers-reduced-motion", "value": "reduce"}])
            # A page remembers the scheme that it was seen in first.
            browser.call("Storage.clearDataForOrigin", origin=base.rstrip("/"), storageTypes="local_storage")
            browser.open(base + address)
            answer = browser.call("Runtime.evaluate", expression=f"{LOOK}({width})", awaitPromise=True, returnByValue=True)
            if "exceptionDetails" in answer:
                sys.exit(f"{address}: {answer['exceptionDetails']}")
            seen = answer["result"]["value"]
            found = seen["found"] + list(complaints(browser.events, base))
            if seen["scheme"] != {"light": "default", "dark": "slate"}[scheme]:
                found.append(f"is {seen['scheme']} for who wants it {scheme}")
            clip = {"x": 0, "y": 0, "width": width, "height": min(max(seen["height"], height), TALLEST), "scale": 1}
            picture = browser.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
            (pictures / f"{name}_{width}_{scheme}.png").write_bytes(base64.b64decode(picture["data"]))
            yield width, scheme, found, seen["scrolling"]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("site", nargs="?", type=pathlib.Path, default=ROOT / "build/docs/site")
    parser.add_argument("--pictures", type=pathlib.Path, default=ROOT / "build/site_check")
    parser.add_argument("--only", default="", help="pages whose address has this in it")
    options = parser.parse_args()
    site = options.site.resolve()
    if not (site / "index.html").is_file():
        sys.exit(f"no site in {options.site}: ./dev docs builds it")
    options.pictures.mkdir(parents=True, exist_ok=True)

    pages = {path: Links(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}/"

    wrong, looked = [], 0
    with tempfile.TemporaryDirectory(prefix="penstock-site-", ignore_cleanup_errors=True) as scratch:
        browser = Browser(scratch)
        print(f"{'page':<56} {'links':>5}  " + "  ".join(f"{width} {scheme:<5}" for width in WIDTHS for scheme in SCHEMES))
        for page in pages:
            address = page.relative_to(site).as_posix().removesuffix("index.html")
            if options.only not in address:
                continue
            name = address.strip("/").removesuffix(".html").replace("/", "_") or "index"
            found = list(dead_links(site, page, pages))
            cells = [f"{len(pages[page].named) if not found else 'DEAD':>5}"]
            for width, scheme, more, scrolling in look(browser, base, address, name, options.pictures):
                looked += 1
                cells.append(f"{'WRONG' if more else f'{scrolling} roll' if scrolling else 'ok':<10}")
                found += [f"{width} {scheme}: {finding}" for finding in more]
            print(f"{address or '(start)':<56} " + "  ".join(cells).rstrip(), flush=True)
            wrong += [f"{address}: {finding}" for finding in found]
        browser.end()
    print("(so many parts of a page roll sideways on their own, and the page does not)\n")
    print("\n".join(wrong) or "nothing found", f"\n{looked} views, {len(wrong)} findings; pictures in {options.pictures}", sep="\n" if wrong else "")
    sys.exit(1 if wrong else 0)


main()
