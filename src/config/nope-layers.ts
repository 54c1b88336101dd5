/** Layers without RoPE, as SmolLM3 places them; `config.json` has the same rule (`model/hugging-face.ts`). */

/** Numbers, from 0, of the layers that see no positions when every `interval`-th is one. */
export function nopeLayersEvery(interval: number, layers: number): number[] {
  return Array.from({ length: Math.floor(layers / interval) }, (_, index) => (index + 1) * interval - 1);
}
