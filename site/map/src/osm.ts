// A base map of the visitor's own: a PMTiles archive named in the site's configuration, of pictures or of vectors.
// Vectors may come in the layers of Protomaps or of OpenMapTiles; only what helps to find one's way is drawn.

import maplibregl from "maplibre-gl/dist/maplibre-gl-csp.js";
import type { ExpressionSpecification, LayerSpecification, Map as MapLibre } from "maplibre-gl";
import { PMTiles, TileType } from "pmtiles";

const SCHEME = "geocrop-base";
const ATTRIBUTION = "© OpenStreetMap contributors";

/** Adds the archive at `address` to a map, below the published layers. */
export async function addBase(map: MapLibre, address: string, dark: boolean): Promise<void> {
  const archive = new PMTiles(address);
  const { tileType, minZoom, maxZoom } = await archive.getHeader();
  maplibregl.addProtocol(SCHEME, async ({ url }) => {
    const [z, x, y] = url.split("/").slice(-3).map(Number);
    const tile = await archive.getZxy(z!, x!, y!);
    // An empty vector tile is no bytes; a picture that is not there is one clear pixel.
    return { data: tile?.data ?? (tileType === TileType.Mvt ? new ArrayBuffer(0) : await createImageBitmap(new ImageData(1, 1))) };
  });
  const tiles = [`${SCHEME}://tiles/{z}/{x}/{y}`];
  const common = { tiles, minzoom: minZoom, maxzoom: maxZoom, attribution: ATTRIBUTION };
  if (tileType === TileType.Mvt) {
    map.addSource("base", { type: "vector", ...common });
    for (const layer of vectors(dark)) map.addLayer(layer, layer.type === "symbol" ? "town-names" : "graticule");
    // It has its own towns, in their right places.
    map.setLayoutProperty("town-names", "visibility", "none");
  } else {
    map.addSource("base", { type: "raster", tileSize: 256, ...common });
    map.addLayer({ id: "base", type: "raster", source: "base", paint: { "raster-saturation": -0.4 } }, "graticule");
  }
}

function vectors(dark: boolean): LayerSpecification[] {
  const colors = dark ? { water: "#18232a", road: "#3a4235", name: "#b9c2b0", halo: "#1d221a" } : { water: "#cfdde3", road: "#c6bb9c", name: "#4a5245", halo: "#f7f4ea" };
  const name: ExpressionSpecification = ["coalesce", ["get", "name:en"], ["get", "name"]];
  const width: ExpressionSpecification = ["interpolate", ["exponential", 1.5], ["zoom"], 6, 0.6, 12, 1.6, 16, 6];
  const roads = (layer: string): LayerSpecification => ({
    id: `base-${layer}`,
    type: "line",
    source: "base",
    "source-layer": layer,
    layout: { "line-cap": "round", "line-join": "round" },
    paint: { "line-color": colors.road, "line-width": width },
  });
  const names = (layer: string): LayerSpecification => ({
    id: `base-${layer}`,
    type: "symbol",
    source: "base",
    "source-layer": layer,
    minzoom: 9,
    layout: { "text-field": name, "text-font": ["system-ui", "sans-serif"], "text-size": 12 },
    paint: { "text-color": colors.name, "text-halo-color": colors.halo, "text-halo-width": 1.3 },
  });
  return [
    // Lakes and rivers have one name in both; rivers that are lines are not filled.
    { id: "base-water", type: "fill", source: "base", "source-layer": "water", filter: ["==", ["geometry-type"], "Polygon"], paint: { "fill-color": colors.water } },
    roads("roads"),
    roads("transportation"),
    names("places"),
    names("place"),
  ];
}
