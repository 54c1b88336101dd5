/** Tools for the tests of rendering, described by hand. */
import type { ToolDescription, ToolField, ToolType } from "../../../src/corpus/render/tool.js";

export const STRING: ToolType = { kind: "string" };

export function field(name: string, type: ToolType, prose = "", required = false): ToolField {
  return { name, type, required, prose };
}

export function structure(name: string | null, fields: () => readonly ToolField[]): ToolType {
  return { kind: "structure", name, fields };
}

/** A filter may hold filters. */
export const FILTER: ToolType = structure("Filter", () => [
  field("key", STRING, "What is compared.", true),
  field("any", { kind: "list", item: FILTER }, "Holds where one of these does."),
]);

const ADDRESS = structure("Address", () => [
  field("street", STRING, "Street and number.", true),
  field("country", STRING, "Two letters, as in ISO 3166."),
]);

/** A tool over HTTP with everything that types can be. */
export const CREATE_PARCEL: ToolDescription = {
  host: "api.parcels.example",
  operation: "createParcel",
  name: "parcels.create",
  api: "Parcels API",
  prose: [
    "Creates a parcel and books its pick-up. The parcel can be changed until it is picked up.",
    "You need:",
    "- an address inside the country",
    "- a weight below 30 kilograms",
  ].join("\n"),
  http: "POST /v2/senders/{sender_id}/parcels",
  parameters: [
    field("note", STRING, "A line for the driver."),
    field("sender_id", STRING, "Who sends it.", true),
    field("to", ADDRESS, "Where it goes.", true),
    field("weight", { kind: "number" }, "Kilograms, for example `2.5`.", true),
    field("speed", { kind: "enum", values: ["normal", "express"] }, "How fast it goes. Default: `normal`."),
    field("labels", { kind: "map", item: STRING }),
    field("filters", { kind: "list", item: FILTER }, "Who may see it."),
  ],
  result: {
    kind: "object",
    fields: [
      field("id", STRING, "The parcel's number.", true),
      field("pickup_at", { kind: "timestamp" }, "When it is picked up."),
      field(
        "events",
        { kind: "list", item: structure(null, () => [field("code", { kind: "integer" })]) },
        "What happened.",
      ),
    ],
  },
  examples: [],
};

/** A tool with as little as there can be. */
export const BARE: ToolDescription = {
  host: "clock",
  operation: "now",
  name: "now",
  api: "clock",
  prose: "",
  http: null,
  parameters: [],
  result: { kind: "unknown" },
  examples: [],
};
