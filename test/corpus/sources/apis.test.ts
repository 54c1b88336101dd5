/** Descriptions of APIs in four formats, each a small one of our own. */
import { describe, expect, it } from "vitest";
import { DISCOVERY } from "../../../src/corpus/sources/discovery.js";
import { OPENAPI } from "../../../src/corpus/sources/openapi/openapi.js";
import { TOOL_LISTS } from "../../../src/corpus/sources/tool-lists.js";
import { expectNoThrow, readAll } from "./memory-files.js";

const prose = { styles: { prose: 1 } };

const OPENAPI_3 = `openapi: 3.0.1
info: { title: Pet shop }
servers: [{ url: "https://pets.example/v2" }]
paths:
  /pets/{id}:
    parameters:
      - { $ref: "#/components/parameters/Id" }
    get:
      operationId: getPet
      summary: Finds a pet
      description: Finds a pet by its <b>number</b>.
      responses:
        "200":
          description: the pet
          content: { application/json: { schema: { $ref: "#/components/schemas/Pet" } } }
    put:
      description: Changes a pet.
      requestBody:
        content:
          application/json:
            schema: { $ref: "#/components/schemas/Pet" }
            example: { name: Rex }
      responses: { "204": { description: done } }
components:
  parameters:
    Id: { name: id, in: path, required: true, description: The pet's number., schema: { type: integer } }
  schemas:
    Named: { type: object, required: [name], properties: { name: { type: string, description: What it is called. } } }
    Pet:
      allOf:
        - { $ref: "#/components/schemas/Named" }
        - type: object
          properties:
            kind: { type: string, enum: [cat, dog] }
            friends: { type: array, items: { $ref: "#/components/schemas/Pet" } }
            born: { type: string, format: date-time }
            owner: { oneOf: [{ type: "null" }, { $ref: "#/components/schemas/Named" }] }
            missing: { $ref: "#/components/schemas/Nowhere" }
`;

const SWAGGER = {
  ...{ swagger: "2.0", info: { title: "Old shop" }, host: "old.example", basePath: "/v1" },
  paths: {
    "/pets": {
      post: {
        operationId: "addPet",
        summary: "Adds a pet",
        parameters: [
          { name: "body", in: "body", schema: { $ref: "#/definitions/Pet" } },
          { name: "dry", in: "query", type: "boolean", description: "Only tries." },
        ],
        responses: { 201: { description: "its number", schema: { type: "integer" } } },
      },
    },
  },
  definitions: { Pet: { type: "object", required: ["name"], properties: { name: { type: "string" } } } },
};

describe("OpenAPI", () => {
  it("3 in YAML gives every operation with its parameters, body and result", async () => {
    const { documents, rejected } = await readAll(OPENAPI, { "pets.yaml": OPENAPI_3 }, prose);
    expect(rejected).toEqual([]);
    expect(documents.map(({ operation, origin, form, style }) => [operation, origin, form, style])).toEqual([
      ["pets.example GET /pets/{id}", "pets.yaml#GET /pets/{id}", "tool-documentation", "prose"],
      ["pets.example PUT /pets/{id}", "pets.yaml#PUT /pets/{id}", "tool-documentation", "prose"],
    ]);
    const [get, put] = documents.map(({ text }) => text);
    expect(get).toContain("Finds a pet by its number.");
    expect(get).toContain("- `id` (integer, required): The pet's number.");
    for (const text of [get, put]) {
      expect(text).toContain("- `name` (string, required): What it is called.");
      expect(text).toContain("- `kind` (string, one of cat, dog)");
      expect(text).toContain("- `friends` (list of Pet objects)");
      expect(text).toContain("- `born` (timestamp)");
      expect(text).toContain("- `owner` (Named object)");
      expect(text).toContain("- `missing` (any value)");
    }
    expect(put).toContain("Nothing is returned.");
  });

  it("2 in JSON gives body fields, typed parameters and plain results", async () => {
    const { documents } = await readAll(OPENAPI, { "old.json": JSON.stringify(SWAGGER) }, prose);
    expect(documents.map(({ operation }) => operation)).toEqual(["old.example POST /pets"]);
    const { text } = documents[0];
    expect(text).toContain("- `dry` (boolean): Only tries.");
    expect(text).toContain("- `name` (string, required)");
    expect(text).toContain("integer");
  });

  it("shows the document's own example in a usage", async () => {
    const { documents } = await readAll(OPENAPI, { "pets.yaml": OPENAPI_3 }, { styles: { usage: 1 } });
    expect(documents[1].text).toContain("Rex");
  });

  it("writes every style where asked, each with an origin of its own", async () => {
    const { documents } = await readAll(OPENAPI, { "old.json": JSON.stringify(SWAGGER) }, { styles: "all" });
    expect(documents.map(({ style }) => style)).toEqual(["prose", "schema", "signature", "usage"]);
    expect(new Set(documents.map(({ origin }) => origin)).size).toBe(4);
  });

  it.each([
    ["{", "not YAML"],
    ["a: [", "not YAML"],
    ["hello: world", "does not say that it is OpenAPI"],
    ['{"openapi":"3.0.0"}', "no operations"],
    ["openapi: 3.0.0\npaths: { /a: { get: 3 } }", "no operations"],
    [`a: &a [x]\nb: [${"*a,".repeat(2000)}]\nopenapi: 3.0.0`, "not YAML"],
    [`{"a":${"[".repeat(50_000)}`, "not YAML"],
  ])("rejects %j", async (text, why) => {
    const { documents, rejected } = await readAll(OPENAPI, { "x.yaml": text }, prose);
    expect(documents).toEqual([]);
    expect(rejected.map((each) => each.why).join()).toContain(why);
  });

  it("never throws", async () => {
    await expectNoThrow(OPENAPI, { "pets.yaml": OPENAPI_3, "old.json": JSON.stringify(SWAGGER) }, { styles: "all" });
  });
});

const DISCOVERED = {
  ...{ name: "books", title: "Books API", rootUrl: "https://books.example/", servicePath: "v1/" },
  schemas: {
    Volume: {
      id: "Volume",
      type: "object",
      properties: { title: { type: "string", description: "Its title." }, part: { $ref: "Volume" } },
    },
  },
  resources: {
    shelves: {
      resources: {
        volumes: {
          methods: {
            insert: {
              ...{ id: "books.shelves.volumes.insert", httpMethod: "POST", flatPath: "shelves/{shelf}/volumes" },
              description: "Adds a volume.",
              parameters: { shelf: { type: "string", required: true, location: "path", description: "The shelf." } },
              request: { $ref: "Volume" },
              response: { $ref: "Volume" },
            },
            clear: {
              id: "books.shelves.volumes.clear",
              path: "shelves/{+shelf}/clear",
              description: "Empties a shelf.",
            },
          },
        },
      },
    },
  },
};

describe("discovery documents", () => {
  it("give methods of nested resources with parameters, request and response", async () => {
    const { documents } = await readAll(DISCOVERY, { "books.json": JSON.stringify(DISCOVERED) }, prose);
    expect(documents.map(({ operation }) => operation)).toEqual([
      "books.example books.shelves.volumes.insert",
      "books.example books.shelves.volumes.clear",
    ]);
    const [insert, clear] = documents.map(({ text }) => text);
    expect(insert).toContain("- `shelf` (string, required): The shelf.");
    expect(insert).toContain("- `part` (Volume object)");
    expect(clear).toContain("Nothing is returned.");
    expect(`${insert}${clear}`).not.toContain("{+");
  });

  it("are rejected without methods, and never throw", async () => {
    const { rejected } = await readAll(DISCOVERY, { "x.json": "{}" }, prose);
    expect(rejected[0].why).toContain("no `methods`");
    await expectNoThrow(DISCOVERY, { "books.json": JSON.stringify(DISCOVERED) }, { styles: "all" });
  });
});

const node = {
  type: "object",
  properties: { name: { type: "string", description: "A <b>name</b>." }, inside: { $ref: "#/$defs/node" } },
  required: ["name"],
};
const schema = { ...node, $defs: { node } };

describe("tool lists", () => {
  it.each([
    ["OpenAI", [{ type: "function", function: { name: "f", parameters: schema } }]],
    ["flat", [{ type: "function", name: "f", parameters: schema }]],
    ["Anthropic", { tools: [{ name: "f", input_schema: schema }] }],
    ["MCP", { jsonrpc: "2.0", result: { tools: [{ name: "f", inputSchema: schema, outputSchema: node }] } }],
    ["BFCL", { id: "1", function: [{ name: "f", parameters: { ...node, type: "dict" } }] }],
    ["JSON text", { tools: JSON.stringify([{ name: "f", parameters: schema }]) }],
  ])("in the form of %s, as JSON and as JSON lines", async (_form, list) => {
    for (const path of ["shop.json", "shop.jsonl"]) {
      const { documents, rejected } = await readAll(TOOL_LISTS, { [path]: JSON.stringify(list) }, prose);
      expect(rejected).toEqual([]);
      expect(documents.map(({ operation }) => operation)).toEqual(["shop f"]);
      expect(documents[0].text).toContain("- `name` (string, required): A name.");
    }
  });

  it("take the host that they are given, and say which records are no tools", async () => {
    const lines = ['{"name":"f","description":"Does."}', "7", "torn", '{"tools":[]}'].join("\n");
    const { documents, rejected } = await readAll(TOOL_LISTS, { "l.jsonl": lines }, { ...prose, host: "h" });
    expect(documents.map(({ operation }) => operation)).toEqual(["h f"]);
    expect(rejected.map(({ where }) => where)).toEqual(["l.jsonl:2", "l.jsonl:3", "l.jsonl:4"]);
  });

  it("never throw, however deep or round", async () => {
    const deep = `${"[".repeat(50_000)}${"]".repeat(50_000)}`;
    for (const text of [`[${deep}]`, `[{"name":"f","parameters":{"properties":{"a":${deep}}}}]`])
      await readAll(TOOL_LISTS, { "l.json": text }, { styles: "all" });
    const round = [{ name: "f", parameters: { $ref: "#/$defs/a", $defs: { a: { $ref: "#/$defs/a" } } } }];
    expect((await readAll(TOOL_LISTS, { "l.json": JSON.stringify(round) }, prose)).documents).toHaveLength(1);
    await expectNoThrow(
      TOOL_LISTS,
      {
        "l.jsonl": JSON.stringify([
          { type: "function", function: { name: "f", description: "d", parameters: schema } },
        ]),
      },
      { styles: "all" },
    );
  });
});

describe("a result that is no object", () => {
  it.each([
    ["prose", "list of Pet objects: all pets"],
    ["schema", "The tool returns:\nlist of Pet objects: all pets"],
    ["signature", /Pet/],
    ["usage", /\[\n {2}\{/],
  ])("is told in the style %s", async (style, expected) => {
    const document = {
      ...{ openapi: "3.1.0", info: { title: "Pets" } },
      paths: {
        "/pets": {
          get: {
            operationId: "listPets",
            description: "Lists pets.",
            responses: {
              200: {
                description: "all pets",
                content: {
                  "application/json": { schema: { type: "array", items: { $ref: "#/components/schemas/Pet" } } },
                },
              },
            },
          },
        },
      },
      components: { schemas: { Pet: { type: "object", properties: { name: { type: "string" } } } } },
    };
    const { documents } = await readAll(OPENAPI, { "pets.json": JSON.stringify(document) }, { styles: { [style]: 1 } });
    expect(documents[0].text).toMatch(expected);
    expect(documents[0].text).not.toContain("- ``");
  });
});
