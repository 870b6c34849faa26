#!/bin/sh
# Makes a bare Debian 12 what the program runs in: the libraries of packages.txt, and nothing that only people read.
# Runs as root, with packages.txt and GDAL's build (/opt/gdal) in place.
set -eu
apt-get update -qq
# shellcheck disable=SC2046 # one package a line
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(cat "$(dirname "$0")/packages.txt")
# The drivers are in the library; headers and scripts were for building.
rm -rf /opt/gdal/include /opt/gdal/bin /opt/gdal/lib/cmake /opt/gdal/lib/pkgconfig /opt/gdal/share/bash-completion /opt/gdal/share/man
echo /opt/gdal/lib >/etc/ld.so.conf.d/gdal.conf
ldconfig
# Shifts between old national datums: 14 MB that no map of ours goes through.
rm -f /usr/share/proj/*.gsb /usr/share/proj/*.gtx
apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log /usr/share/doc /usr/share/man /usr/share/locale
groupadd --gid 10001 geocrop
useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin geocrop
install -d -o geocrop -g geocrop /var/lib/geocrop
