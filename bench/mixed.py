"""The API under the load of a busy day: 80 % looks at a job, 15 % statistics of an area from published maps, 5 % new jobs.

Two ways to load it, with the same 256 connections of `wrk` on the same cores. Paced: each client waits a while after each
answer, as pages and scripts do; this shows what a user feels. Flat out: each asks again at once; this shows how much the
server can do, and its times are those of a queue of 256. The server is the embedded one: SQLite, a store in a folder.
"""

import argparse
import json
import os
import random
import subprocess
import tempfile
import threading
import time
import urllib.request

from tiles import LAYER, Server, free_port, make_store

CONNECTIONS = 256
JOBS = 50
# More than the server keeps answers for is asked about in the run with other areas each time.
AREAS = 500

WRK = """
local base = os.getenv("MIXED") .. "/"
local function lines(name)
  local all = {}
  for line in io.lines(base .. name) do all[#all + 1] = line end
  return all
end
local token, jobs, areas = lines("token")[1], lines("jobs"), lines("areas")
local pause, fresh = tonumber(os.getenv("PAUSE_MS")), os.getenv("FRESH") == "1"
local auth = { ["Authorization"] = "Bearer " .. token }
local json = { ["Authorization"] = "Bearer " .. token, ["Content-Type"] = "application/json" }
local plain = { ["Content-Type"] = "application/json" }
local asked, numbers = { jobs = 0, areas = 0, orders = 0 }, 0
math.randomseed(20261122)
function delay()
  return pause == 0 and 0 or math.random(0, 2 * pause)
end
function request()
  local dice = math.random(100)
  if dice <= 80 then
    return wrk.format("GET", jobs[math.random(#jobs)], auth)
  end
  if dice <= 95 then
    local body = areas[math.random(#areas)]
    if fresh then
      numbers = numbers + 1
      body = body:gsub('"aoi":', string.format('"aoi":{"type":"Feature","properties":{"n":%d},"geometry":', numbers)) .. "}"
    end
    return wrk.format("POST", "/v1/statistics", plain, body)
  end
  local x, y = 25 + math.random() * 5, -18 + math.random()
  return wrk.format("POST", "/v1/jobs", json, string.format(
    '{"kind":"buffer","metres":%d,"aoi":{"type":"Point","coordinates":[%.6f,%.6f]}}', math.random(10, 900), x, y))
end
local threads = {}
function setup(thread) table.insert(threads, thread) end
function init() statuses_4, statuses_5 = 0, 0 end
function response(status)
  if status >= 500 then statuses_5 = statuses_5 + 1 elseif status >= 400 then statuses_4 = statuses_4 + 1 end
end
function done(summary, latency)
  local four, five = 0, 0
  for _, thread in ipairs(threads) do
    four, five = four + thread:get("statuses_4"), five + thread:get("statuses_5")
  end
  local cut = summary.errors.connect + summary.errors.read + summary.errors.timeout
  io.write(string.format('{"requests":%d,"us":%d,"p50":%f,"p99":%f,"max":%f,"cut":%d,"status_4xx":%d,"status_5xx":%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max, cut, four, five))
end
"""


def call(base, path, body=None, token=None):
    headers = {"Content-Type": "application/json"} | ({"Authorization": "Bearer " + token} if token else {})
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(base + path, data, headers)) as answer:
        return json.load(answer)


def areas(cog):
    """Rectangles of 0.2 to 25 km2 within the map, as bodies of requests."""
    import rasterio
    from rasterio.warp import transform_bounds

    with rasterio.open(cog) as ds:
        west, south, east, north = transform_bounds(ds.crs, "EPSG:4326", *ds.bounds, densify_pts=101)
    # A map that is no rectangle in degrees has less inside.
    width, height = (east - west) / 20, (north - south) / 20
    west, south, east, north = west + width, south + height, east - width, north - height
    some = random.Random(20261122)
    for _ in range(AREAS):
        side = min(some.uniform(0.004, 0.045), (east - west) / 2, (north - south) / 2)
        x, y = some.uniform(west, east - side), some.uniform(south, north - side)
        ring = [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]
        recipe, period = LAYER.split("/")
        yield json.dumps({"recipe": recipe, "period": period,
                          "aoi": {"type": "Polygon", "coordinates": [[[round(c, 6) for c in p] for p in ring]]}},
                         separators=(",", ":"))


class Peak(threading.Thread):
    """The most memory that a process ever held meanwhile, in MB."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.most, self.over = pid, 0, threading.Event()

    def run(self):
        while not self.over.wait(0.1):
            with open(f"/proc/{self.pid}/status") as status:
                held = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
            self.most = max(self.most, held / 1024)

    def end(self):
        self.over.set()
        self.join()
        return self.most


def server(a, folder, number):
    env = {"GEOCROP_STATE": os.path.join(folder, f"state-{number}"), "XDG_CACHE_HOME": os.path.join(folder, "cache")}
    add = [a.binary, "user", "add", "load", "--role", "admin", "--password-stdin"]
    subprocess.run(add, input=b"a password for the bench", check=True, env=os.environ | env,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    # Without a worker: jobs are taken and wait, the cores are the server's and the client's.
    command = [a.binary, "api", "--no-worker", "--store", os.path.join(folder, "store"), "--source", a.source,
               "--address", f"127.0.0.1:{port}"]
    begun = time.monotonic()
    started = Server("geocrop", command, base, base + "/readyz", **env)
    return started, base, time.monotonic() - begun


def ready_ms(a, folder):
    """From the start of the process with an empty database to the first answer of /readyz, asked every 2 ms."""
    times = []
    for number in range(5):
        port = free_port()
        env = os.environ | {"GEOCROP_STATE": os.path.join(folder, f"new-{number}"), "XDG_CACHE_HOME": os.path.join(folder, "cache")}
        begun = time.monotonic()
        process = subprocess.Popen([a.binary, "api", "--store", os.path.join(folder, "store"), "--source", a.source,
                                    "--address", f"127.0.0.1:{port}"], env=env,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                    assert json.load(answer)["status"] == "ready"
                break
            except OSError:
                time.sleep(0.002)
                if process.poll() is not None:
                    raise RuntimeError("the server did not start")
        times.append((time.monotonic() - begun) * 1e3)
        process.terminate()
        process.wait(60)
    return sorted(times)[len(times) // 2]


def load(a, folder, number, pause_ms, fresh):
    started, base, _ = server(a, folder, number)
    with started:
        token = call(base, "/v1/auth/token", {"username": "load", "password": "a password for the bench"})["access_token"]
        point = {"type": "Point", "coordinates": [31.0, -17.0]}
        jobs = [call(base, "/v1/jobs", {"kind": "buffer", "metres": 10 + n, "aoi": point}, token)["id"] for n in range(JOBS)]
        for name, lines in (("token", [token]), ("jobs", [f"/v1/jobs/{job}" for job in jobs]), ("areas", areas(a.cog))):
            with open(os.path.join(folder, name), "w") as f:
                f.writelines(line + "\n" for line in lines)
        for line in open(os.path.join(folder, "areas")):
            call(base, "/v1/statistics", json.loads(line))
        script = os.path.join(folder, "mixed.lua")
        with open(script, "w") as f:
            f.write(WRK)
        before, _ = started.usage()
        peak = Peak(started.process.pid)
        peak.start()
        out = subprocess.run(["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{a.seconds}s", "--timeout", "10s", "-s", script, base + "/"],
                             check=True, capture_output=True, text=True,
                             env=os.environ | {"MIXED": folder, "PAUSE_MS": str(pause_ms), "FRESH": str(int(fresh))}).stdout
        after, _ = started.usage()
        told = json.loads(out.strip().splitlines()[-1])
        return {"per_s": told["requests"] / told["us"] * 1e6, "p50_ms": told["p50"] / 1e3, "p99_ms": told["p99"] / 1e3,
                "max_ms": told["max"] / 1e3, "cut": told["cut"], "status_4xx": told["status_4xx"], "status_5xx": told["status_5xx"],
                "cpu_ms": (after - before) * 1e3 / told["requests"], "rss_mb": peak.end()}


def rows(a):
    with tempfile.TemporaryDirectory(dir=a.work) as folder:
        make_store(os.path.join(folder, "store"), a.cog)
        ready = ready_ms(a, folder)
        print(f"{'mixed':14} ready {ready:.0f} ms after the start with an empty database, at most 300 ms", flush=True)
        yield {"name": "mixed ready", "peer": "the bar, 300 ms", "ratio": 300 / ready, "least": 1, "ready_ms": ready}
        ways = [("paced, 100 ms between", 100, False), ("paced, areas never asked before", 100, True), ("flat out", 0, False)]
        for number, (name, pause, fresh) in enumerate(ways):
            told = load(a, folder, number, pause, fresh)
            good = told["p99_ms"] < 25 and told["status_5xx"] == 0 and told["cut"] == 0 and told["rss_mb"] < 128
            print(f"{'mixed':14} {name}: {told['per_s']:.0f} /s, p50 {told['p50_ms']:.2f} ms, p99 {told['p99_ms']:.2f} ms, longest "
                  f"{told['max_ms']:.0f} ms, {told['status_5xx']} of 5xx, {told['status_4xx']} of 4xx, {told['cut']} cut, "
                  f"{told['cpu_ms']:.2f} ms of processor each, {told['rss_mb']:.0f} MB at most{'' if good else '   BELOW THE BAR'}", flush=True)
            yield {"name": f"mixed {name}", "peer": "the bar, p99 of 25 ms", "ratio": 25 / told["p99_ms"], "least": 1, "ours": told}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cog")
    parser.add_argument("--work", default=tempfile.gettempdir())
    parser.add_argument("--binary", required=True)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--source", required=True, help="imagery that the server offers; it is not read")
    for row in rows(parser.parse_args()):
        print(json.dumps(row))


if __name__ == "__main__":
    main()
