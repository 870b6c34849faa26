#!/bin/sh
# Builds Debian's own GDAL with the drivers that the program uses, into /opt/gdal: with all its drivers it brings 160 MB of
# libraries along, with these about 40. Same source, same version, same ABI as the library that the tests run with.
# Runs as root in a Debian 12; the Dockerfile and check-root.sh call it.
set -eu
# Sources come from wherever the packages come from: images of Debian say so in one form, debootstrap in the other.
if [ -f /etc/apt/sources.list.d/debian.sources ]; then
  sed -i 's/^Types: deb$/Types: deb deb-src/' /etc/apt/sources.list.d/debian.sources
else
  sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >/etc/apt/sources.list.d/sources-too.list
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
  build-essential cmake dpkg-dev pkg-config libcurl4-gnutls-dev libdeflate-dev libgeos-dev libgeotiff-dev libjpeg-dev \
  libjson-c-dev liblzma-dev libopenjp2-7-dev libpng-dev libproj-dev libtiff-dev libwebp-dev libzstd-dev zlib1g-dev
mkdir -p /tmp/gdal
cd /tmp/gdal
# apt checks the signed list and the hashes; dpkg-source would want the maintainers' keys too.
apt-get source -qq --download-only gdal
dpkg-source --no-check -x gdal_*.dsc source
cmake -S source -B build -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/opt/gdal -DCMAKE_INSTALL_LIBDIR=lib \
  -DGDAL_USE_EXTERNAL_LIBS=OFF -DGDAL_BUILD_OPTIONAL_DRIVERS=OFF -DOGR_BUILD_OPTIONAL_DRIVERS=OFF \
  -DGDAL_USE_CURL=ON -DGDAL_USE_DEFLATE=ON -DGDAL_USE_GEOS=ON -DGDAL_USE_GEOTIFF=ON -DGDAL_USE_JPEG=ON \
  -DGDAL_USE_JSONC=ON -DGDAL_USE_LIBLZMA=ON -DGDAL_USE_OPENJPEG=ON -DGDAL_USE_PNG=ON -DGDAL_USE_TIFF=ON \
  -DGDAL_USE_WEBP=ON -DGDAL_USE_ZLIB=ON -DGDAL_USE_ZSTD=ON \
  -DGDAL_ENABLE_DRIVER_JP2OPENJPEG=ON -DGDAL_ENABLE_DRIVER_JPEG=ON -DGDAL_ENABLE_DRIVER_PNG=ON -DGDAL_ENABLE_DRIVER_WEBP=ON \
  -DBUILD_APPS=OFF -DBUILD_CSHARP_BINDINGS=OFF -DBUILD_JAVA_BINDINGS=OFF -DBUILD_PYTHON_BINDINGS=OFF -DBUILD_TESTING=OFF
cmake --build build -j "$(nproc)"
cmake --install build --strip
rm -rf /tmp/gdal
