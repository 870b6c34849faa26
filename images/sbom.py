#!/usr/bin/env python3
"""Lists what an image of the program is made of, as CycloneDX 1.6 in JSON on stdout: crates that are linked in, packages of
npm that the map's script is bundled from, Debian's packages, and libraries that were built from source.

  cargo metadata --locked --format-version 1 --filter-platform x86_64-unknown-linux-gnu >metadata.json
  images/sbom.py --metadata metadata.json --dpkg ROOT/var/lib/dpkg/status --map site/map --library gdal=3.6.2

Scanners of images see Debian's packages alone: a Rust program tells nobody what it was linked from. Needs nothing but
Python. The same input gives the same bytes.
"""

import argparse
import base64
import json
import re
import uuid
from pathlib import Path
from urllib.parse import quote

PROGRAM = "geocrop-cli"
# Crates that run while the program is compiled are in no image.
LINKED = None
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://cyclonedx.org/geocrop")


def crates(metadata, lock):
    """The program, and what is linked into it with who needs it."""
    packages = {package["id"]: package for package in metadata["packages"]}
    needs = {node["id"]: node["deps"] for node in metadata["resolve"]["nodes"]}
    checksums = {
        (name, version): checksum
        for name, version, checksum in re.findall(r'name = "(.+)"\nversion = "(.+)"\nsource = ".+"\nchecksum = "(.+)"', lock)
    }
    root = next(id for id, package in packages.items() if package["name"] == PROGRAM)
    found, edges, todo = {}, {}, [root]
    while todo:
        package = packages[todo.pop()]
        ref = f"pkg:cargo/{package['name']}@{quote(package['version'])}"
        if ref in found:
            continue
        deps = [d["pkg"] for d in needs[package["id"]] if any(kind["kind"] is LINKED for kind in d["dep_kinds"])]
        # A macro runs in the compiler.
        deps = [d for d in deps if not any("proc-macro" in target["kind"] for target in packages[d]["targets"])]
        edges[ref] = sorted(f"pkg:cargo/{packages[d]['name']}@{quote(packages[d]['version'])}" for d in deps)
        component = {"type": "library", "bom-ref": ref, "name": package["name"], "version": package["version"], "purl": ref}
        if package.get("license"):
            # Old crates write MIT/Apache-2.0 for a choice.
            component["licenses"] = [{"expression": " ".join(package["license"].replace("/", " OR ").split())}]
        if checksum := checksums.get((package["name"], package["version"])):
            component["hashes"] = [{"alg": "SHA-256", "content": checksum}]
        found[ref] = component
        todo += deps
    top = f"pkg:cargo/{PROGRAM}@{quote(packages[root]['version'])}"
    return found.pop(top), found, edges


def debian(status):
    """The installed packages of a root."""
    for paragraph in status.strip().split("\n\n"):
        fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", paragraph, re.M))
        if fields.get("Status") != "install ok installed":
            continue
        name, version = fields["Package"], fields["Version"]
        ref = f"pkg:deb/debian/{name}@{quote(version, safe='')}?arch={fields['Architecture']}&distro=debian-12"
        yield {"type": "library", "bom-ref": ref, "name": name, "version": version, "purl": ref}


def npm(folder):
    """What the map's script is bundled from: the packages that its sources import, and what those need."""
    lock = json.loads((folder / "package-lock.json").read_text())["packages"]
    sources = [path.read_text() for path in sorted((folder / "src").glob("*.ts")) if not path.name.endswith(".d.ts")]
    sources.append((folder / "build.mjs").read_text())
    imported = set()
    for text in sources:
        imported |= set(re.findall(r'from "([a-z][a-z0-9-]*)', text)) | set(re.findall(r"node_modules/([a-z0-9-]+)", text))
    # Bundles, and is not bundled.
    todo, seen = sorted(imported - {"esbuild"}), set()
    while todo:
        name = todo.pop()
        package = lock.get(f"node_modules/{name}")
        if package is None or name in seen:
            continue
        seen.add(name)
        todo += package.get("dependencies", {})
    for name in sorted(seen):
        package = lock[f"node_modules/{name}"]
        ref = f"pkg:npm/{quote(name, safe='/')}@{package['version']}"
        component = {"type": "library", "bom-ref": ref, "name": name, "version": package["version"], "purl": ref}
        if integrity := package.get("integrity"):
            digest = base64.b64decode(integrity.removeprefix("sha512-")).hex()
            component["hashes"] = [{"alg": "SHA-512", "content": digest}]
        yield component


def source_library(text):
    name, _, version = text.partition("=")
    ref = f"pkg:generic/{name}@{version}"
    return {"type": "library", "bom-ref": ref, "name": name, "version": version, "purl": ref}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--metadata", type=Path, required=True, help="what cargo metadata printed")
    parser.add_argument("--lock", type=Path, default=Path("Cargo.lock"), help="Cargo.lock, for the checksums")
    parser.add_argument("--dpkg", type=Path, help="the status file of dpkg in the image's root")
    parser.add_argument("--map", type=Path, help="the folder of the map's sources")
    parser.add_argument("--library", action="append", default=[], metavar="NAME=VERSION", help="built from source into the image")
    args = parser.parse_args()
    program, found, edges = crates(json.loads(args.metadata.read_text()), args.lock.read_text())
    components = list(found.values())
    if args.dpkg:
        components += debian(args.dpkg.read_text())
    if args.map:
        components += npm(args.map)
    components += map(source_library, args.library)
    components.sort(key=lambda component: component["bom-ref"])
    direct = [c["bom-ref"] for c in components if not c["bom-ref"].startswith("pkg:cargo/")]
    edges[program["bom-ref"]] = sorted(edges[program["bom-ref"]] + direct)
    program["type"] = "application"
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": program},
        "components": components,
        "dependencies": [{"ref": ref, "dependsOn": needs} for ref, needs in sorted(edges.items())],
    }
    document["serialNumber"] = uuid.uuid5(NAMESPACE, json.dumps(document, sort_keys=True)).urn
    print(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
