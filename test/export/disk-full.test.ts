/** Exporting to a disk that is really full. */
import { readdirSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { messageOf, UserError } from "../../src/base/errors.js";
import { exportModel } from "../../src/export/export.js";
import { openModel } from "../../src/export/model.js";
import { mountSmall, NEEDS } from "../checkpoint/small-disk.js";
import { exportOptions, modelFolder, rawTensors } from "./folders.js";

it("says that the disk is full and leaves nothing; an export that --force would replace stays whole", async ({
  skip,
}) => {
  const disk = mountSmall(256 << 10) ?? skip(NEEDS);
  const folder = modelFolder({ dtype: "BF16" });
  const model = await openModel(folder);
  const options = exportOptions({ output: join(disk, "out"), verify: "tensors" });
  await exportModel(model, [folder], options);
  const before = rawTensors(options.output);
  // Less than the float32 weights take.
  const { bfree: blocks, bsize } = statfsSync(disk);
  writeFileSync(join(disk, "filler"), Buffer.alloc(blocks * bsize - (40 << 10)));
  const free = statfsSync(disk).bfree;

  const error: unknown = await exportModel(model, [folder], { ...options, dtype: "F32", force: true }).catch(
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(UserError);
  expect(messageOf(error)).toMatch(/out: the disk is full[\s\S]*hint: free some space/);
  expect(readdirSync(disk).sort()).toEqual(["filler", "out"]);
  expect(statfsSync(disk).bfree).toBe(free);
  expect(rawTensors(options.output)).toEqual(before);
});
