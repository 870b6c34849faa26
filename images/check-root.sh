#!/usr/bin/env bash
# Tries what images/geocrop/Dockerfile does in a clean root, where no container engine is at hand: a missing library is found
# here and not in the cluster. Needs root, debootstrap and the Debian archive; takes minutes, most of them GDAL's.
#
#   images/check-root.sh BINARY [FOLDER]
#
# BINARY is a built geocrop. FOLDER keeps the roots between runs (build/, with GDAL), or a temporary one is used.
set -euo pipefail
binary=$(realpath "${1:?images/check-root.sh BINARY [FOLDER]}")
project=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
if [ $# -ge 2 ]; then
  mkdir -p "$2"
  work=$(realpath "$2")
else
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
fi
# Two limits in bytes as Docker counts them: 1 MB is a million.
limit_mb=200

say() { printf '==> %s\n' "$*" >&2; }

debian() { # debian FOLDER: a bare Debian 12
  debootstrap --variant=minbase --include=ca-certificates bookworm "$1" >"$work/debootstrap.log" 2>&1
  # What the -slim images leave out.
  rm -rf "$1"/usr/share/{doc,man,locale,info} "$1"/var/cache/apt/archives/*.deb
}

if [ ! -e "$work/build/opt/gdal/lib/libgdal.so.32" ]; then
  say "building GDAL in a clean root"
  rm -rf "$work/build"
  debian "$work/build"
  cp "$project/images/geocrop/gdal.sh" "$work/build/tmp/"
  chroot "$work/build" sh /tmp/gdal.sh >"$work/gdal.log" 2>&1 || { tail -n 30 "$work/gdal.log" >&2; exit 1; }
fi

say "the runtime stage"
root=$work/root
rm -rf "$root"
debian "$root"
bare=$(du -s --block-size=1000000 "$root" | cut -f1)
mkdir -p "$root/opt"
cp -a "$work/build/opt/gdal" "$root/opt/"
cp "$project"/images/geocrop/{packages.txt,runtime.sh} "$root/tmp/"
chroot "$root" sh /tmp/runtime.sh >"$work/runtime.log" 2>&1 || { tail -n 30 "$work/runtime.log" >&2; exit 1; }
rm "$root"/tmp/{packages.txt,runtime.sh}
# perl-base, apt and the rest of Debian's base are in every image of Debian: they count.
install "$binary" "$root/usr/local/bin/geocrop"
strip "$root/usr/local/bin/geocrop"
install -m 0755 "$project/images/geocrop/healthcheck.sh" "$root/usr/local/bin/healthcheck"
mkdir -p "$root/usr/share/geocrop"
cp -r "$project"/{datasets.toml,recipes,sources,aois,models,content} "$root/usr/share/geocrop/"
say "the list of what is in it"
(cd "$project" && cargo metadata --locked --format-version 1 --filter-platform "$(rustc --print host-tuple)" >"$work/metadata.json")
version=$(sed -n 's/^Version: //p' "$work/build/opt/gdal/lib/pkgconfig/gdal.pc")
(cd "$project" && python3 images/sbom.py --metadata "$work/metadata.json" --dpkg "$root/var/lib/dpkg/status" --map site/map \
  --library "gdal=$version") >"$root/usr/share/geocrop/sbom.cdx.json"
python3 - "$root/usr/share/geocrop/sbom.cdx.json" <<'PARTS' >&2
import json, sys
kinds = [part["purl"].split("/")[0] for part in json.load(open(sys.argv[1]))["components"]]
counts = {kind: kinds.count(kind) for kind in sorted(set(kinds))}
print(counts)
sys.exit(set(counts) != {"pkg:cargo", "pkg:deb", "pkg:generic", "pkg:npm"})
PARTS

inside() { # inside COMMAND...: as the image's user, in its folder, with its environment
  chroot --userspec=10001:10001 "$root" /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin HOME=/tmp GEOCROP_CACHE=/tmp/geocrop \
    GEOCROP_STATE=/var/lib/geocrop GEOCROP_STORE=/var/lib/geocrop/store GEOCROP_SOURCES=/usr/share/geocrop/sources/earth-search.toml \
    GEOCROP_ADDRESS=127.0.0.1:0 /bin/sh -c 'cd /usr/share/geocrop && exec "$@"' sh "$@"
}

say "libraries"
missing=$(inside ldd /usr/local/bin/geocrop | grep 'not found' || true)
[ -z "$missing" ] || { printf '%s\n' "$missing" >&2; exit 1; }
say "geocrop doctor"
inside geocrop doctor
say "scenes to maps to pages, without a network"
inside geocrop demo --once --project /usr/share/geocrop --dir /tmp/demo >"$work/demo.log" 2>&1 || { tail -n 30 "$work/demo.log" >&2; exit 1; }
say "the healthcheck, without and with a server"
port=$((20000 + RANDOM % 10000))
if inside healthcheck "$port" 2>/dev/null; then echo "it is content with nobody" >&2; exit 1; fi
inside geocrop api --address "127.0.0.1:$port" >"$work/api.log" 2>&1 &
server=$!
for _ in $(seq 50); do inside healthcheck "$port" 2>/dev/null && break; sleep 0.2; done
inside healthcheck "$port" || { cat "$work/api.log" >&2; exit 1; }
kill "$server"
wait "$server" || true

rm -rf "$root/tmp/demo" "$root/tmp/geocrop" "$root/var/lib/geocrop/"*
size=$(du -s --block-size=1000000 "$root" | cut -f1)
say "the image: $size MB, of which $bare MB are bare Debian (limit: $limit_mb MB)"
[ "$size" -lt "$limit_mb" ] || { echo "the image is too large" >&2; exit 1; }
