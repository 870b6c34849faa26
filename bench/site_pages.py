"""The site generator on pages that everybody's generator can build: from nothing, with nothing changed, one page edited.

Pages come from the reference script make_pages.py. Zola builds the same pages where it is on the PATH; elsewhere its
recorded times stand in, and the line says so. Sites are built into new folders and removed at the end: file systems that
put off reusing what was just deleted (ext4) make every build after a removal slower than the one before.
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

# Seconds for 1,000 pages, without and with code coloured: Zola 0.22.1 on the same kind of machine.
RECORDED = {"plain": 0.66, "code": 1.15}
SAID = re.compile(r"(\d+) made anew.* (\d+) ms")


def make(scripts, work, count, kind):
    """A folder of pages in both generators' layout; without a language nobody colours the code."""
    folder = os.path.join(work, f"pages-{count}-{kind}")
    if not os.path.exists(os.path.join(folder, "ready")):
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, os.path.join(scripts, "make_pages.py"), folder, "--count", str(count), "--zola"],
                       check=True, stdout=subprocess.DEVNULL)
        content = os.path.join(folder, "content")
        if kind == "plain":
            for path in pages(content):
                edit(path, lambda text: text.replace("```rust", "```text"))
        ours = os.path.join(folder, "ours")
        shutil.copytree(content, ours)
        # The other generator calls a folder's page _index.md.
        for path in pages(ours):
            if os.path.basename(path) == "_index.md":
                os.rename(path, os.path.join(os.path.dirname(path), "index.md"))
        home = os.path.join(ours, "index.md")
        if not os.path.exists(home):
            with open(home, "w") as f:
                f.write('+++\ntitle = "Pages"\n+++\n')
        open(os.path.join(folder, "ready"), "w").close()
    return folder


def pages(folder):
    return [os.path.join(at, name) for at, _, names in os.walk(folder) for name in names if name.endswith(".md")]


def edit(path, change):
    with open(path) as f:
        text = f.read()
    with open(path, "w") as f:
        f.write(change(text))


class Ours:
    def __init__(self, binary, folder, scratch):
        self.binary, self.folder, self.scratch = binary, folder, scratch
        self.store = os.path.join(scratch, "store")
        os.makedirs(self.store, exist_ok=True)

    def build(self, out, content):
        start = time.perf_counter()
        run = subprocess.run([self.binary, "site", "build", "--content", content, "--store", "file://" + self.store,
                              "--out", out], capture_output=True, text=True, check=False)
        whole = time.perf_counter() - start
        found = SAID.search(run.stderr)
        if run.returncode or not found:
            sys.exit(f"the site could not be built:\n{run.stderr}")
        return whole, int(found[2]) / 1000, int(found[1])

    def full(self, turn):
        return self.build(os.path.join(self.scratch, f"full-{turn}"), os.path.join(self.folder, "ours"))[0]

    def edits(self, repeat):
        """Seconds, as the program reports them, of builds with one page edited and with nothing changed."""
        content, out = os.path.join(self.scratch, "content"), os.path.join(self.scratch, "edited")
        shutil.copytree(os.path.join(self.folder, "ours"), content)
        time.sleep(0.1)
        self.build(out, content)
        page = next(path for path in sorted(pages(content)) if os.path.basename(path) != "index.md")
        one, none = [], []
        for turn in range(repeat):
            edit(page, lambda text, turn=turn: text + f"\nA line more: {turn}.\n")
            # What is younger than a tick of the file system's clock is read again by the next build.
            time.sleep(0.1)
            for times, made in ((one, 1), (none, 0)):
                _, seconds, count = self.build(out, content)
                assert count == made, f"{count} pages made anew, not {made}"
                times.append(seconds)
        return one, none


def zola_full(zola, folder, scratch, turn):
    start = time.perf_counter()
    subprocess.run([zola, "--root", folder, "build", "--output-dir", os.path.join(scratch, f"zola-{turn}")],
                   check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def rows(a):
    zola = shutil.which("zola")
    with tempfile.TemporaryDirectory(dir=a.work) as scratch:
        for count, kind in ((1000, "plain"), (1000, "code"), (10000, "code")):
            folder = make(os.path.join(a.shared, "bench"), a.work, count, kind)
            inside = os.path.join(scratch, f"{count}-{kind}")
            ours, full, peer = Ours(a.binary, folder, inside), [], []
            for turn in range(a.repeat if count == 1000 else 2):
                full.append(ours.full(turn))
                if zola:
                    peer.append(zola_full(zola, folder, inside, turn))
            seconds = statistics.median(full)
            if zola:
                theirs, said = statistics.median(peer), "Zola, in turn with ours"
            else:
                theirs, said = RECORDED[kind] * count / 1000, "Zola's recorded time" + (", times ten" * (count > 1000))
            row = {"name": f"site {count} {kind}", "ours": {"seconds": seconds}, "peers": {"seconds": theirs},
                   "peer": said, "measured": bool(zola), "ratio": theirs / seconds, "least": 2}
            below = "" if row["ratio"] >= 2 else "   BELOW THE BAR"
            print(f"{row['name']:14} {seconds:8.3f} s against {theirs:8.3f} s: {row['ratio']:5.2f} x ({said}), at least 2 x; "
                  f"{count / seconds:,.0f} pages/s{below}", flush=True)
            yield row
            if kind != "code":
                continue
            one, none = ours.edits(a.repeat)
            for name, times, bar in (("one edited", one, 0.05), ("unchanged", none, 0.02)):
                middle = statistics.median(times)
                row = {"name": f"site {count} {name}", "ours": {"seconds": middle}, "ratio": bar / middle,
                       "least": 1 if count == 1000 else 0}
                below = "" if row["ratio"] >= row["least"] else "   ABOVE THE BAR"
                bars = f", at most {1000 * bar:.0f}" if count == 1000 else ""
                print(f"{name:14} {1000 * middle:8.0f} ms{bars}, and the start of the process "
                      f"({1000 * min(times):.0f} to {1000 * max(times):.0f}){below}", flush=True)
                yield row
