"""Map tiles from one COG: TiTiler with two workers and `geocrop`, asked for the same tiles by the same clients.

Three clients tell what is whose. The reference script's own (Python, aiohttp) is what the reference figure was taken with;
it takes a core of its own, and asking it for an answer of a few bytes shows how fast it can be at most. `wrk` costs next to
nothing, so that the servers have the machine. Servers run one at a time, client and server on the same cores. No finished
tile is kept by either: each request reads, unpacks, looks up and encodes.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

CONNECTIONS = 8
LAYER = "bench/2024"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def make_store(folder, cog):
    """A store with the COG as its only layer."""
    import rasterio
    from rasterio.warp import transform_bounds

    layers = os.path.join(folder, "layers", *LAYER.split("/"))
    os.makedirs(layers)
    shutil.copyfile(cog, os.path.join(layers, "area.tif"))
    with rasterio.open(cog) as ds:
        west, south, east, north = transform_bounds(ds.crs, "EPSG:4326", *ds.bounds)
        palette = ds.colormap(1)
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    legend = [{"value": value, "name": f"class-{value}", "color_hint": "%02X%02X%02X" % palette[value][:3]}
              for value in range(9)]
    item = {"type": "Feature", "stac_version": "1.1.0", "id": "area", "bbox": [west, south, east, north],
            "geometry": {"type": "Polygon", "coordinates": [ring]},
            "properties": {"datetime": "2024-01-01T00:00:00Z", "geocrop:kind": "classes"},
            "assets": {"map": {"href": "./area.tif", "file:checksum": "1220" + "0" * 64,
                               "classification:classes": legend}}}
    with open(os.path.join(layers, "area.json"), "w") as f:
        json.dump(item, f)


class Server:
    """A server for a while; `template` has its tiles."""

    def __init__(self, name, command, template, probe, **env):
        self.name, self.template = name, template
        self.process = subprocess.Popen(command, env=dict(os.environ, **env), stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        for _ in range(600):
            try:
                urllib.request.urlopen(probe, timeout=5)
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"{name} did not start")

    def usage(self):
        """Processor seconds and resident megabytes of all its processes."""
        import psutil

        main = psutil.Process(self.process.pid)
        every = [main, *main.children(recursive=True)]
        return sum(sum(p.cpu_times()[:2]) for p in every), sum(p.memory_info().rss for p in every) / 2**20

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)


def reference_client(a, template, seconds):
    """The reference script's own client."""
    script = os.path.join(a.shared, "bench", "titiler_load.py")
    out = subprocess.run([sys.executable, script, a.cog, "--seconds", str(seconds), "--repeat", "1", "--concurrency",
                          str(CONNECTIONS), "--url", template], check=True, capture_output=True, text=True).stdout
    told = json.loads(out)
    if told["errors"] or told["warmup_errors"]:
        raise RuntimeError(f"{template}: {told}")
    return {"per_s": told["req_per_s"], "p50_ms": told["p50_ms"], "p99_ms": told["p99_ms"],
            "bytes": told["bytes_per_tile"], "warm": told["distinct_tiles"]}


WRK = """
local paths = {}
for line in io.lines(os.getenv("TILE_PATHS")) do paths[#paths + 1] = line end
local at = 0
function request()
  at = at % #paths + 1
  return wrk.format("GET", paths[at])
end
function done(summary, latency)
  local failed = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout
  io.write(string.format('{"requests":%d,"us":%d,"p50":%f,"p99":%f,"failed":%d,"bytes":%d}\\n', summary.requests,
    summary.duration, latency:percentile(50), latency:percentile(99), failed, summary.bytes))
end
"""


def wrk_client(a, template, seconds, connections=CONNECTIONS):
    """wrk with the same tiles."""
    sys.path.insert(0, os.path.join(a.shared, "bench"))
    from titiler_load import tile_set

    with tempfile.TemporaryDirectory() as folder:
        script, paths = os.path.join(folder, "tiles.lua"), os.path.join(folder, "paths")
        with open(script, "w") as f:
            f.write(WRK)
        host = "/".join(template.split("/")[:3])
        with open(paths, "w") as f:
            for z, x, y in tile_set(a.cog, 200, range(8, 15)):
                f.write(template[len(host):].format(z=z, x=x, y=y) + "\n")
        out = subprocess.run(["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--timeout", "30s", "-s",
                              script, host + "/"], check=True, capture_output=True, text=True,
                             env=dict(os.environ, TILE_PATHS=paths)).stdout
    told = json.loads(out.strip().splitlines()[-1])
    if told["failed"]:
        raise RuntimeError(f"{template}: {told}")
    return {"per_s": told["requests"] / told["us"] * 1e6, "p50_ms": told["p50"] / 1e3, "p99_ms": told["p99"] / 1e3,
            "bytes": told["bytes"] / told["requests"]}


def measure(a, server, client, seconds):
    before, _ = server.usage()
    told = client(a, server.template, seconds)
    after, told["rss_mb"] = server.usage()
    # The reference client asks for every tile once before it counts.
    told["cpu_ms"] = (after - before) * 1e3 / (told["per_s"] * seconds + told.pop("warm", 0))
    return told


def titiler(a):
    from urllib.parse import quote

    sys.path.insert(0, os.path.join(a.shared, "bench"))
    from titiler_load import COLORS

    port = free_port()
    base = f"http://127.0.0.1:{port}"
    template = (base + "/cog/tiles/WebMercatorQuad/{z}/{x}/{y}.png?url=" + quote(os.path.abspath(a.cog), safe="")
                + "&colormap=" + quote(json.dumps(COLORS, separators=(",", ":")), safe=""))
    # As the reference script starts it.
    return Server("titiler", [sys.executable, "-m", "uvicorn", "titiler.application.main:app", "--host", "127.0.0.1",
                              "--port", str(port), "--workers", "2", "--log-level", "warning", "--no-access-log"],
                  template, base + "/healthz", GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR", GDAL_CACHEMAX="200",
                  VSI_CACHE="TRUE", GDAL_NUM_THREADS="1")


def ours(a, folder):
    from urllib.parse import quote

    sys.path.insert(0, os.path.join(a.shared, "bench"))
    from titiler_load import COLORS

    port = free_port()
    base = f"http://127.0.0.1:{port}"
    template = (f"{base}/v1/tiles/{LAYER}/{{z}}/{{x}}/{{y}}.png?colormap="
                + quote(json.dumps(COLORS, separators=(",", ":")), safe=""))
    return Server("geocrop", [a.binary, "site", "serve", "--site", os.path.join(folder, "site"), "--store",
                              os.path.join(folder, "store"), "--address", f"127.0.0.1:{port}"],
                  template, base + "/v1/layers", XDG_CACHE_HOME=os.path.join(folder, "cache"),
                  GEOCROP_CACHE=os.path.join(folder, "cache"))


def rows(a):
    """Rows of the table of ratios: requests per second, and the reciprocal of p99, with each client."""
    with tempfile.TemporaryDirectory(dir=a.work) as folder:
        os.makedirs(os.path.join(folder, "site"))
        with open(os.path.join(folder, "site", "index.html"), "w") as f:
            f.write("<!doctype html><title>bench</title>")
        make_store(os.path.join(folder, "store"), a.cog)
        runs = {}
        for number in range(a.repeat):
            for start in ((titiler, ours) if number % 2 else (ours, titiler)):
                with (start(a) if start is titiler else start(a, folder)) as server:
                    wrk_client(a, server.template, 3)  # warm
                    for name, client in (("aiohttp", reference_client), ("wrk", wrk_client)):
                        told = measure(a, server, client, a.seconds)
                        runs.setdefault((name, server.name), []).append(told)
                    if server.name == "geocrop":
                        trivial = server.template.split("/v1/")[0] + "/healthz?{z}{x}{y}"
                        told = reference_client(a, trivial, 3)
                        runs.setdefault(("aiohttp", "an answer of a few bytes"), []).append({**told, "rss_mb": 0, "cpu_ms": 0})  # no tile
                        many = measure(a, server, lambda *x: wrk_client(*x, connections=256), a.seconds)
                        runs.setdefault(("wrk, 256 connections", "geocrop"), []).append(many)
        middle = {who: {key: statistics.median(run[key] for run in told) for key in told[0]} for who, told in runs.items()}
        for (client, server), told in middle.items():
            print(f"{'tiles':14} {client}: {server}: {told['per_s']:.0f} /s, p50 {told['p50_ms']:.2f} ms, p99 {told['p99_ms']:.2f} ms, "
                  f"{told['cpu_ms']:.2f} ms of processor and {told['bytes'] / 1e3:.1f} kB each, {told['rss_mb']:.0f} MB", flush=True)
        for client in ("aiohttp", "wrk"):
            mine, theirs = middle[client, "geocrop"], middle[client, "titiler"]
            for name, ratio, least in (("rate", mine["per_s"] / theirs["per_s"], 20),
                                       ("p99", theirs["p99_ms"] / mine["p99_ms"], 10)):
                verdict = "" if ratio >= least else "   BELOW THE BAR"
                print(f"{'tiles':14} {client}, {name}: {ratio:.1f} x, at least {least} x{verdict}", flush=True)
                yield {"name": f"tiles {client} {name}", "peer": "titiler.application, 2 workers", "ratio": ratio,
                       "least": least, "repeat": a.repeat, "ours": mine, "peers": theirs}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cog")
    parser.add_argument("--shared", required=True)
    parser.add_argument("--work", default=tempfile.gettempdir())
    parser.add_argument("--binary", required=True)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10)
    for row in rows(parser.parse_args()):
        print(json.dumps(row))


if __name__ == "__main__":
    main()
