/** The contract of the bf16 precisions on the card. */
import { describe, it } from "vitest";
import { cardMissing, openTestDevice } from "../cuda/test-card.js";
import { bf16Contract } from "../engine/native/bf16-contract.js";

const missing = await cardMissing();
if (missing !== null) describe.skip(`bf16 contract: native-cuda (skipped: ${missing})`, () => it("", () => {}));
else bf16Contract("native-cuda", openTestDevice);
