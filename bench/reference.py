"""A peer at work: does one thing each time it reads a line, and says how long it took.

Calls the functions of the reference scripts in the shared folder's bench/, so that the peer is used as its own users
would use it. Speaks the protocol of the benches under core/*/benches: one JSON line when ready, then one per line read.
"""

import argparse
import importlib.util
import json
import os
import sys
import time


def script(shared, name):
    """One of the reference scripts, as a module."""
    spec = importlib.util.spec_from_file_location(name, os.path.join(shared, "bench", name + ".py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def peak_mb():
    with open("/proc/self/status") as f:
        return next(int(x.split()[1]) for x in f if x.startswith("VmHWM")) / 1024


def trees(a):
    import numpy as np

    lib = script(a.shared, "predict_xgboost")
    x = np.load(os.path.join(a.dir, "features.npy"))
    make = {"xgboost": lib.xgboost_runner, "onedal": lib.onedal_runner}[a.package]
    run = make(os.path.join(a.dir, "model.json"), x, a.threads, a.dir)
    return f"{a.package}, {len(x):,} rows", run


def geomad(a):
    import numpy as np

    lib = script(a.shared, "geomedian_hdstats")
    dn = np.load(os.path.join(a.dir, "stack.npy"))
    x = dn.astype(np.float32)
    x *= np.float32(1e-4)
    x[dn == 0] = np.nan
    del dn
    return "geomad 1.0, geomedian and three MADs", lambda: lib.runner("geomad", x, 1e-5, a.threads)


def network(a):
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import numpy as np
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(a.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    model = tf.saved_model.load(os.path.join(a.shared, "data/dynamicworld/forward"))
    raw = np.load(os.path.join(a.dir, "scene.npy"))
    low = np.array([1.7417268007636313, 1.7261204997060209, 1.6798346251414997, 1.7734969472909623, 2.289154079164943,
                    2.382939712192371, 2.3828939530384052, 2.1952484264967844, 1.554812948247501])
    wide = np.array([2.023298706048351, 2.038905204308012, 2.179592821212937, 2.2890068333026603, 2.6171674549378166,
                     2.773418590375327, 2.7578332604178284, 2.789092484314204, 2.4140534947492487])

    def run():
        # From stored numbers to probabilities, as the program does it.
        s = (np.log(raw * 0.005 + 1) - low) / wide
        x = (1 / (1 + np.exp(-(5 * s - 1)))).astype(np.float32)[None]
        return tf.nn.softmax(model(tf.constant(x))).numpy()

    return f"TensorFlow {tf.__version__} on the CPU, {raw.shape[0]} x {raw.shape[1]} px", run


def cog(a):
    lib = script(a.shared, "cog_write")
    source = os.path.join(a.dir, "classes_10980.tif")
    target = os.path.join(a.dir, "reference.tif")

    def run():
        if os.path.exists(target):
            os.remove(target)
        lib.write("gdal", source, target, a.threads)

    run.target = target
    return "GDAL's COG driver, 10980 x 10980", run


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["trees", "geomad", "network", "cog"])
    parser.add_argument("--shared", required=True)
    parser.add_argument("--dir", required=True)
    parser.add_argument("--package", default="xgboost")
    parser.add_argument("--threads", type=int, default=2)
    a = parser.parse_args()
    what, run = globals()[a.what](a)
    print(json.dumps({"ready": True, "what": what}), flush=True)
    for _ in sys.stdin:
        start, cpu = time.perf_counter(), time.process_time()
        run()
        said = {"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - cpu, "peak_mb": peak_mb()}
        if hasattr(run, "target"):
            said["bytes"] = os.path.getsize(run.target)
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
