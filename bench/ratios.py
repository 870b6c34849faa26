"""Ratios against the best peers, each pair measured in the same breath.

The program and its peer run alternately on the same input with the same number of threads, so that whatever else the
machine does falls on both. The ratio is that of the medians; the spread is the smallest and largest ratio of neighbours.
Called by ./dev bench, which builds the program and installs the peers.
"""

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))


class Worker:
    """A program that does its work once for every line it reads."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        stderr=subprocess.DEVNULL)
        self.what = self.read()["what"]

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args[0]} ended with {self.process.wait()}")
        return json.loads(line)

    def run(self):
        self.process.stdin.write("run\n")
        self.process.stdin.flush()
        return self.read()

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)


class Command:
    """A program that is started anew each time; its whole life is measured."""

    def __init__(self, what, command, prepare):
        self.what, self.command, self.prepare = what, command, prepare

    def run(self):
        self.prepare()
        start = time.perf_counter()
        process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{self.command[0]} failed:\n{said.decode()}")
        return {"seconds": time.perf_counter() - start, "cpu_seconds": usage.ru_utime + usage.ru_stime,
                "peak_mb": usage.ru_maxrss / 1024}

    def close(self):
        pass


def compare(name, ours, peer, repeat, least):
    """One line of the table."""
    ours.run(), peer.run()  # both warm
    pairs = []
    for k in range(repeat):
        first, second = (ours, peer) if k % 2 else (peer, ours)
        a, b = first.run(), second.run()
        pairs.append((a, b) if first is ours else (b, a))
    ours.close(), peer.close()

    def middle(side, key):
        return statistics.median(p[side][key] for p in pairs)

    ratios = [b["seconds"] / a["seconds"] for a, b in pairs]
    row = {"name": name, "peer": peer.what, "least": least, "repeat": repeat,
           "ratio": middle(1, "seconds") / middle(0, "seconds"), "spread": [min(ratios), max(ratios)],
           "cpu_ratio": middle(1, "cpu_seconds") / max(middle(0, "cpu_seconds"), 1e-9)}
    for side, who in ((0, "ours"), (1, "peers")):
        row[who] = {key: middle(side, key) for key in ("seconds", "cpu_seconds", "peak_mb")}
        if "bytes" in pairs[0][side]:
            row[who]["bytes"] = pairs[0][side]["bytes"]
    show(row)
    return row


def show(row):
    ours, peers = row["ours"], row["peers"]
    verdict = "" if row["ratio"] >= row["least"] else "   BELOW THE BAR"
    print(f"{row['name']:14} {ours['seconds']:8.3f} s against {peers['seconds']:8.3f} s: "
          f"{row['ratio']:5.2f} x ({row['spread'][0]:.2f} to {row['spread'][1]:.2f}), at least {row['least']} x; "
          f"processor time {row['cpu_ratio']:.2f} x; "
          f"{ours['peak_mb']:.0f} MB against {peers['peak_mb']:.0f} MB{verdict}", flush=True)
    if "bytes" in ours:
        print(f"{'':14} {ours['bytes']:,} bytes against {peers['bytes']:,}")
    print(f"{'':14} peer: {row['peer']}", flush=True)


def python(*command):
    print(f"making input: {os.path.basename(command[0])}", file=sys.stderr)
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Benches:
    def __init__(self, a):
        self.a = a
        self.scripts = os.path.join(a.shared, "bench")

    def path(self, *parts):
        return os.path.join(self.a.work, *parts)

    def peer(self, what, folder, *more):
        return Worker([sys.executable, os.path.join(HERE, "reference.py"), what, "--shared", self.a.shared, "--dir",
                       folder, "--threads", str(self.a.threads), *more])

    def ours(self, what, *more):
        return Worker([self.a.benches[what], *more, "--threads", str(self.a.threads)])

    def compare(self, name, ours, peer, least):
        return compare(name, ours, peer, self.a.repeat, least)

    def make_trees(self):
        folder = self.path("trees")
        if not os.path.exists(os.path.join(folder, "proba.npy")):
            table = os.path.join(self.a.shared, "data/deafrica/south_eastern_training.txt")
            python(os.path.join(self.scripts, "predict_xgboost.py"), "--make", table, "--dir", folder)
        return folder

    def trees(self):
        folder = self.make_trees()
        for package, least in (("xgboost", 10), ("onedal", 3)):
            ours = self.ours("trees", "--model", os.path.join(folder, "model.json"), "--features",
                             os.path.join(folder, "features.npy"))
            yield self.compare(f"trees {package}", ours, self.peer("trees", folder, "--package", package), least)

    def geomad(self):
        folder = self.path("geomad")
        if not os.path.exists(os.path.join(folder, "count.npy")):
            python(os.path.join(self.scripts, "geomedian_hdstats.py"), "--save", folder, "--packages", "geomad",
                   "--threads", "2", "--repeat", "1")
        ours = self.ours("geomad", "--stack", os.path.join(folder, "stack.npy"), "--eps", "1e-5")
        yield self.compare("geomad", ours, self.peer("geomad", folder), 6)

    def network(self):
        import numpy as np

        folder = self.path("network")
        scene = os.path.join(folder, "scene.npy")
        if not os.path.exists(scene):
            os.makedirs(folder, exist_ok=True)
            golden = os.path.join(self.a.shared, "data/dynamicworld/golden/2021-08-01.npz")
            raw = np.load(golden)["raw"]
            # The golden scene and its mirror images, so that no edge is sharper than in the scene.
            row = np.concatenate([raw, raw[:, ::-1]] * 3, axis=1)[:, :500]
            np.save(scene, np.ascontiguousarray(np.concatenate([row, row[::-1]] * 3, axis=0)[:500]))
        ours = self.ours("network", "--model", os.path.join(self.a.shared, "data/dynamicworld/forward"), "--scene",
                         scene)
        yield self.compare("network", ours, self.peer("network", folder), 1)

    def cog(self):
        folder = self.path("cog")
        source = os.path.join(folder, "classes_10980.tif")
        if not os.path.exists(source):
            python(os.path.join(self.scripts, "cog_write.py"), "--dir", folder, "--repeat", "1", "--methods", "gdal")
        ours = self.ours("cog", "--source", source, "--out", self.path("cog"))
        yield self.compare("cog", ours, self.peer("cog", folder), 1.5)

    def make_scenes(self, size):
        scenes = self.path(f"scenes-{size}")
        if not os.path.exists(os.path.join(scenes, "ready")):
            python(os.path.join(self.scripts, "pipeline_python.py"), "--make-scenes", "--scenes", scenes, "--size",
                   str(size))
            open(os.path.join(scenes, "ready"), "w").close()
        return scenes

    def run_task(self, size, store, *more):
        files = self.describe_task(size, os.path.join(self.make_trees(), "model.json"))
        return Command("geocrop precompute run", [
            self.a.binary, "precompute", "run", "--recipe", os.path.join(HERE, "task.toml"), "--aoi", files["area"],
            "--period", "2024", "--source", files["source"], "--store", store, "--models", files["models"], *more],
            lambda: shutil.rmtree(store, ignore_errors=True))

    def task(self):
        scenes, out, store = self.make_scenes(1024), self.path("task-python"), self.path("task-store")
        model = os.path.join(self.make_trees(), "model.json")
        ours = self.run_task(1024, store, "--memory", "220")
        peer = Command("pipeline_python.py with geomad", [
            sys.executable, os.path.join(self.scripts, "pipeline_python.py"), "--scenes", scenes, "--model", model,
            "--out", out, "--threads", str(self.a.threads)], lambda: None)
        row = self.compare("whole task", ours, peer, 8)
        row["same_class"] = self.agreement(os.path.join(store, "layers/bench-task/2024/bench.tif"),
                                           os.path.join(out, "classes.tif"))
        print(f"{'':14} memory {row['ours']['peak_mb'] / row['peers']['peak_mb']:.2f} of the peer's (at most 0.2); "
              f"{100 * row['same_class']:.2f} % of pixels have the same class")
        yield row

    def memory(self):
        """How much memory the task takes with its default budget, and with four times the area."""
        for size in (1024, 2048):
            self.make_scenes(size)
            ours = self.run_task(size, self.path("task-store"))
            ours.run()  # warm
            runs = [ours.run() for _ in range(min(self.a.repeat, 3))]
            peak, seconds = (statistics.median(run[key] for run in runs) for key in ("peak_mb", "seconds"))
            verdict = "" if peak < 512 else "   ABOVE THE BAR"
            print(f"{'memory':14} {size} x {size} px x 24 dates x 10 bands: peak {peak:.0f} MB, at most 512; "
                  f"{seconds:.1f} s{verdict}", flush=True)
            yield {"name": f"memory {size}", "peak_mb": peak, "seconds": seconds, "ratio": 512 / peak, "least": 1}

    def site(self):
        import site_pages

        yield from site_pages.rows(self.a)

    def classes(self):
        """A map of a whole Sentinel-2 tile."""
        folder = self.path("cog")
        cog = os.path.join(folder, "cog_gdal_10980.tif")
        if not os.path.exists(cog):
            python(os.path.join(self.scripts, "cog_write.py"), "--dir", folder, "--repeat", "1", "--methods", "gdal")
        return cog

    def tiles(self):
        import tiles

        self.a.cog, self.a.seconds = self.classes(), 10
        yield from tiles.rows(self.a)

    def mixed(self):
        import mixed

        self.a.cog, self.a.seconds = self.classes(), 60
        self.a.source = os.path.join(HERE, "..", "sources", "earth-search.toml")
        yield from mixed.rows(self.a)

    def describe_task(self, size, model):
        """The source, the area and the model of the task, as files that the program reads."""
        import rasterio
        from rasterio.warp import transform

        scenes, folder = self.make_scenes(size), self.path(f"task-{size}")
        models = os.path.join(folder, "models", "bench", "1")
        os.makedirs(models, exist_ok=True)
        shutil.copy(model, os.path.join(models, "model.json"))
        any_scene = next(f for f in sorted(os.listdir(scenes)) if f.endswith("_SCL.tif"))
        with rasterio.open(os.path.join(scenes, any_scene)) as ds:
            left, bottom, right, top = ds.bounds
            crs = ds.crs
        # Two metres inside, so that snapping outwards to pixels gives the scenes' own grid.
        xs, ys = [left + 2, right - 2, right - 2, left + 2, left + 2], [bottom + 2, bottom + 2, top - 2, top - 2, bottom + 2]
        lon, lat = transform(crs, "EPSG:4326", xs, ys)
        area = os.path.join(folder, "bench.geojson")
        with open(area, "w") as f:
            json.dump({"type": "Feature", "properties": {"name": "Bench", "slug": "bench"},
                       "geometry": {"type": "Polygon", "coordinates": [list(map(list, zip(lon, lat)))]}}, f)
        source = os.path.join(folder, "source.toml")
        with open(os.path.join(HERE, "source.toml")) as f:
            text = f.read()
        with open(source, "w") as f:
            f.write(text.replace("SCENES", scenes))
        return {"area": area, "source": source, "models": os.path.join(folder, "models")}

    def agreement(self, ours, theirs):
        import rasterio

        with rasterio.open(ours) as a, rasterio.open(theirs) as b:
            # Theirs counts classes from 1 and has 0 for no data; ours counts from 0 and has 255.
            a, b = a.read(1).astype(int), b.read(1).astype(int)
        return float((((a + 1) % 256) == b).mean())


def figures(a, cpu, rows):
    """The rows by name, for pages that quote them; benches that did not run keep what they measured last."""
    told = {}
    if os.path.exists(a.json):
        with open(a.json) as f:
            told = json.load(f).get("rows", {})
    for row in rows:
        told[re.sub(r"\W+", "_", row["name"])] = {**row, "day": time.strftime("%Y-%m-%d")}
    return {"cpu": cpu, "cores": os.cpu_count(), "threads": a.threads, "rows": told}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    names = ["trees", "geomad", "network", "cog", "task", "memory", "site", "tiles", "mixed"]
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count()))
    parser.add_argument("--shared", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--bench", action="append", default=[], metavar="NAME=PATH")
    parser.add_argument("--json", help="file to put the figures into, such as content/data/performance.json")
    a = parser.parse_args()
    a.benches = dict(b.split("=", 1) for b in a.bench)
    unknown = [n for n in a.names if n not in names]
    if unknown:
        parser.error(f"there is no bench {', '.join(unknown)}; there are {', '.join(names)}")
    os.makedirs(a.work, exist_ok=True)
    with open("/proc/cpuinfo") as f:
        cpu = next((x.split(":", 1)[1].strip() for x in f if x.startswith("model name")), platform.processor())
    print(f"{cpu}, {os.cpu_count()} cores, {a.threads} threads, medians of {a.repeat}, load {os.getloadavg()[0]:.1f}")
    benches = Benches(a)
    # The servers need packages of their own: they run when they are named.
    rows = [row for name in (a.names or names[:-2]) for row in getattr(benches, name)()]
    if a.json:
        told = figures(a, cpu, rows)
        with open(a.json, "w") as f:
            json.dump(told, f, indent=1)
            f.write("\n")
    below = [r["name"] for r in rows if r["ratio"] < r["least"]]
    if below:
        print(f"below the bar: {', '.join(below)}")


if __name__ == "__main__":
    main()
