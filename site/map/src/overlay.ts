// One sheet drawn on one map. The next is loaded over the one in view, which goes when the other is there: years
// change without a flash.

import type { Map as MapLibre, RasterTileSource } from "maplibre-gl";
import { type Sheet, union } from "./layers";
import { FURTHER_OUT, template } from "./tiles";

export class Overlay {
  private count = 0;
  private drawn: string[] = [];
  private key = "";
  private tiles = "";

  constructor(
    private readonly map: MapLibre,
    /** The layer of the map below which the sheet is drawn. */
    private readonly below: string,
  ) {}

  show(sheet: Sheet, hidden: ReadonlySet<number>, opacity: number): void {
    const tiles = template(sheet, hidden);
    // A job's result joins its sheet: more layers under the same name.
    const key = `${sheet.key} ${sheet.layers.length}`;
    const now = this.drawn.at(-1);
    if (key !== this.key || !now) this.add(sheet, tiles, opacity);
    else {
      if (tiles !== this.tiles) (this.map.getSource(now) as RasterTileSource).setTiles([tiles]);
      this.map.setPaintProperty(now, "raster-opacity", opacity);
    }
    this.key = key;
    this.tiles = tiles;
  }

  private add(sheet: Sheet, tiles: string, opacity: number): void {
    const id = `sheet-${this.count++}`;
    this.map.addSource(id, {
      type: "raster",
      tiles: [tiles],
      tileSize: sheet.layers[0]!.tile_size,
      minzoom: Math.max(Math.min(...sheet.layers.map((l) => l.min_zoom)) - FURTHER_OUT, 0),
      maxzoom: Math.max(...sheet.layers.map((l) => l.max_zoom)),
      bounds: union(sheet.layers.map((l) => l.bbox)),
      attribution: [...new Set(sheet.layers.map((l) => l.attribution).filter(Boolean))].join(" "),
    });
    this.map.addLayer(
      {
        id,
        type: "raster",
        source: id,
        paint: {
          "raster-opacity": opacity,
          "raster-resampling": sheet.kind === "rgb" ? "linear" : "nearest",
          "raster-fade-duration": 0,
        },
      },
      this.below,
    );
    this.drawn.push(id);
    // A slider drawn fast must not pile up years.
    while (this.drawn.length > 2) this.remove(this.drawn[0]!);
    this.map.once("idle", () => {
      while (this.drawn.length > 1 && this.drawn[0] !== id && this.drawn.includes(id)) this.remove(this.drawn[0]!);
    });
  }

  private remove(id: string): void {
    this.drawn = this.drawn.filter((other) => other !== id);
    this.map.removeLayer(id);
    this.map.removeSource(id);
  }
}
