/** The agent domain of the sample corpus: tool documentation and trajectories from a tiny made-up service in the shapes of the real ones. */
import { describe, expect, it } from "vitest";
import { agentDocuments } from "../../scripts/sample-corpus/agent.js";
import { cleanProse, clipProse, parseDeclarations } from "../../scripts/sample-corpus/aws-declarations.js";
import {
  readService,
  type Service,
  type ServiceOperation,
  serviceKeys,
} from "../../scripts/sample-corpus/aws-service.js";
import { resolveType, structureAsSchema, typeInWords } from "../../scripts/sample-corpus/aws-types.js";
import { documentTool } from "../../scripts/sample-corpus/tool-documentation.js";
import { requestOf, trajectoryOf } from "../../scripts/sample-corpus/trajectory.js";

const DECLARATION = `declare class KITCHEN extends Service {
  /**
   * Constructs a service object.
   */
  constructor(options?: KITCHEN.Types.ClientConfiguration)
  /**
   * Bakes a  Cake .   It takes an hour.   It smells good. 
   */
  bakeCake(params: KITCHEN.Types.BakeCakeRequest, callback?: (err: AWSError, data: KITCHEN.Types.BakeCakeResponse) => void): Request<KITCHEN.Types.BakeCakeResponse, AWSError>;
  /**
   * Bakes a  Cake .   It takes an hour.   It smells good. 
   */
  bakeCake(callback?: (err: AWSError, data: KITCHEN.Types.BakeCakeResponse) => void): Request<KITCHEN.Types.BakeCakeResponse, AWSError>;
  /**
   * Cleans up.
   */
  cleanUp(callback?: (err: AWSError, data: {}) => void): Request<{}, AWSError>;
}
declare namespace KITCHEN {
  export type Flavour = "LEMON"|"PLUM"|string;
  export type FlavourList = Flavour[];
  export type Tags = {[key: string]: String};
  export type String = string;
  export interface Layer {
    /**
     * How thick it is.
     */
    Height?: Double;
    Inside?: Layer;
  }
  export type Double = number;
  export type Layers = Layer[];
  export interface BakeCakeRequest {
    /**
     * What it tastes of.
     */
    Flavours?: FlavourList;
    /**
     * Who it is for.
     */
    Name: String;
    Layers?: Layers;
    Labels?: Tags;
    Due?: Date;
    Photo?: Buffer|Uint8Array|Blob|string;
  }
  export interface BakeCakeResponse {
    /**
     * The cake's number.
     */
    CakeId?: String;
  }
}`;

const FILES = new Map([
  ["clients/kitchen.d.ts", DECLARATION],
  [
    "clients/kitchen.js",
    "var model = require('../apis/kitchen-2014-01-01.min.json');\nvar model = require('../apis/kitchen-2015-01-01.min.json');\nmodule.exports = AWS.KITCHEN;",
  ],
  [
    "apis/kitchen-2015-01-01.min.json",
    JSON.stringify({
      metadata: { serviceFullName: "Amazing Kitchen" },
      operations: { BakeCake: { http: { method: "PUT", requestUri: "/cakes/{Name}" } }, CleanUp: {}, NotDeclared: {} },
    }),
  ],
  [
    "apis/kitchen-2015-01-01.examples.json",
    JSON.stringify({
      examples: {
        BakeCake: [
          {
            title: "To bake a cake",
            description: "The following example bakes a cake for <code>Ann</code>.",
            input: { Name: "Ann", Layers: [{ Height: 2 }] },
            output: { CakeId: "c-17", Cert: "x".repeat(900), List: [1, 2, 3, 4, 5, 6] },
          },
        ],
      },
    }),
  ],
]);

const service = readService(FILES, "kitchen") as Service;
const bake = service.operations[0] as ServiceOperation;
const clean = service.operations[1] as ServiceOperation;

describe("declarations", () => {
  it("gives prose, parameters and results of each operation once", () => {
    const { operations } = parseDeclarations(DECLARATION);
    expect([...operations.values()]).toEqual([
      {
        name: "bakeCake",
        prose: "Bakes a Cake.\nIt takes an hour.\nIt smells good.",
        input: "BakeCakeRequest",
        output: "BakeCakeResponse",
      },
      { name: "cleanUp", prose: "Cleans up.", input: null, output: null },
    ]);
  });

  it("gives members with their own prose, and marks the required ones", () => {
    const shape = parseDeclarations(DECLARATION).shapes.get("BakeCakeRequest");
    expect(shape).toMatchObject({
      members: expect.arrayContaining([{ name: "Name", type: "String", required: true, prose: "Who it is for." }]),
    });
    expect(shape).toMatchObject({
      members: expect.arrayContaining([{ name: "Layers", type: "Layers", required: false, prose: "" }]),
    });
  });

  it("cleans and clips prose at sentences, keeping at least one", () => {
    expect(cleanProse("<p>See  Foo , ( bar ) .   Next")).toBe("See Foo, (bar).\nNext");
    expect(clipProse("One two. Three four. Five.", 21)).toBe("One two. Three four.");
    expect(clipProse("A first sentence that is long. Second.", 5)).toBe("A first sentence that is long.");
    expect(clipProse("Short", 5)).toBe("Short");
  });
});

describe("types", () => {
  const words = (type: string): string => typeInWords(resolveType(type, service.shapes));

  it("are said in words", () => {
    expect(words("FlavourList")).toBe("list of strings, one of LEMON, PLUM");
    expect(words("Layers")).toBe("list of Layer objects");
    expect(words("Tags")).toBe("map from string to string");
    expect(words("Date")).toBe("timestamp");
    expect(words("Buffer|Uint8Array|Blob|string")).toBe("binary");
    expect(words("Unheard")).toBe("any value");
  });

  it("become JSON Schema, opening objects to the stated depth even where they contain themselves", () => {
    const shape = service.shapes.get("Layer");
    const members = shape && "members" in shape ? shape.members : [];
    expect(structureAsSchema(members, service.shapes, 2)).toEqual({
      type: "object",
      properties: {
        Height: { type: "number", description: "How thick it is." },
        Inside: {
          type: "object",
          properties: { Height: { type: "number", description: "How thick it is." }, Inside: { type: "object" } },
        },
      },
    });
  });
});

describe("service", () => {
  it("joins the newest model, its declarations and examples, and drops operations without prose", () => {
    expect(serviceKeys(FILES)).toEqual(["kitchen"]);
    expect(service).toMatchObject({ id: "KITCHEN", fullName: "Amazing Kitchen" });
    expect(service.operations.map(({ title, http }) => [title, http])).toEqual([
      ["BakeCake", "PUT /cakes/{Name}"],
      ["CleanUp", null],
    ]);
    expect(bake.examples[0]?.description).toBe("The following example bakes a cake for Ann.");
  });

  it("is null without a model", () => {
    expect(readService(FILES, "garden")).toBeNull();
  });
});

describe("tool documentation", () => {
  it("holds name, call, prose, parameters and result, in the same form each time", () => {
    const text = documentTool(service, bake);
    for (const part of [
      "KITCHEN.bakeCake",
      "Amazing Kitchen",
      "PUT /cakes/{Name}",
      "It takes an hour.",
      "Who it is for.",
      "The cake's number.",
    ])
      expect(text).toContain(part);
    expect(documentTool(service, bake)).toBe(text);
  });

  it("names required parameters first, in every form", () => {
    for (let i = 0; i < 12; i++) {
      const text = documentTool({ ...service, id: `KITCHEN${i}` }, bake);
      expect(text.indexOf("Name")).toBeLessThan(text.indexOf("Flavours"));
    }
  });

  it("is a definition whose JSON can be parsed, or a reference; both forms occur", () => {
    const texts = Array.from({ length: 12 }, (_, i) => documentTool({ ...service, id: `K${i}` }, bake));
    const definitions = texts.filter((text) => text.startsWith("Tool definition"));
    expect(definitions.length).toBeGreaterThan(0);
    expect(definitions.length).toBeLessThan(texts.length);
    for (const text of definitions) {
      const json: unknown = JSON.parse(text.slice(text.indexOf("{\n"), text.lastIndexOf("}") + 1));
      expect(json).toMatchObject({ parameters: { required: ["Name"], properties: { Flavours: { type: "array" } } } });
    }
  });

  it("says when there is nothing to give or to return", () => {
    expect(documentTool(service, clean)).toMatch(/no parameters|"properties": \{\}/);
    expect(documentTool(service, clean)).toMatch(/returns no data|empty object/);
  });
});

describe("trajectories", () => {
  const example = bake.examples[0];
  if (example === undefined) throw new Error("the made-up service has an example");
  const turns = trajectoryOf(service, bake, example).split(/\n\n(?=User|Assistant|Tool)/);

  it("have a request, the call as JSON, its result and a closing sentence", () => {
    expect(turns.map((turn) => turn.slice(0, turn.indexOf(":")))).toEqual([
      "System",
      "User",
      "Assistant",
      "Tool",
      "Assistant",
    ]);
    expect(turns[0]).toContain("- KITCHEN.bakeCake: Bakes a Cake.");
    expect(JSON.parse(turns[2]?.slice("Assistant: ".length) ?? "")).toEqual({
      name: "KITCHEN.bakeCake",
      arguments: example.input,
    });
  });

  it("shorten unbroken strings and long lists of the result, and stay JSON", () => {
    const result = JSON.parse(turns[3]?.slice("Tool: ".length) ?? "") as Record<string, unknown>;
    expect(result).toEqual({ CakeId: "c-17", Cert: `${"x".repeat(48)}...`, List: [1, 2, 3, 4] });
  });

  it.each(["ff00", "ff01", "ff02"])(
    "ask with the title or description (draw %s), and tell the values that these leave out",
    (key) => {
      const request = requestOf(example, bake, key);
      expect(request).toMatch(/bake a cake|bakes a cake for Ann/);
      expect(request).toContain("- Layers[0].Height: 2");
      expect(request).not.toContain("- Name: Ann");
    },
  );

  it.each([
    ["The following create-cake command creates a cake:", "I need a call that creates a cake."],
    ["This example shows how to bake", "I want to bake."],
    ["Returns a list of cakes.", "I need a call that returns a list of cakes."],
    ["Cakes are baked. They are good", "Cakes are baked. They are good."],
    ["", "Please use BakeCake."],
  ])("turn the description %j into a request", (description, request) => {
    expect(requestOf({ title: "", description, input: {}, output: {} }, bake, "ff00")).toBe(request);
  });

  it("are the same in every run", () => {
    const run = (): string => JSON.stringify([...agentDocuments(FILES, "kitchen@1", "MIT")]);
    expect(run()).toBe(run());
    expect((JSON.parse(run()) as { source: string }[]).map(({ source }) => source).sort()).toEqual([
      "kitchen@1/calls/KITCHEN/BakeCake/1",
      "kitchen@1/tools/KITCHEN/BakeCake",
      "kitchen@1/tools/KITCHEN/CleanUp",
    ]);
  });
});
