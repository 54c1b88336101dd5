/** Tools and calls as records write them: objects or the JSON text of objects, with OpenAI's wrapping or without. */
import {
  checkValue,
  type Fields,
  fromJson,
  isFields,
  listOf,
  optionalText,
  type ToolCall,
  type ToolSchema,
  Unusable,
} from "./conversation.js";

/** `{ type: "function", function: {…} }` or the function itself; a single object is a list of one. */
export function toolsOf(value: unknown): ToolSchema[] {
  const given = fromJson(value ?? [], "`tools`");
  return listOf(isFields(given) ? [given] : given, "`tools`").map((tool) => {
    const schema = isFields(tool) && isFields(tool["function"]) ? tool["function"] : tool;
    checkValue(schema);
    if (!isFields(schema) || !isName(schema["name"])) throw new Unusable("a tool has no name");
    return { ...schema, name: schema["name"] };
  });
}

export function callsOf(value: unknown): ToolCall[] {
  const given = fromJson(value ?? [], "the tool calls");
  return listOf(isFields(given) ? [given] : given, "the tool calls").map(callOf);
}

function callOf(call: unknown): ToolCall {
  const body = isFields(call) && isFields(call["function"]) ? call["function"] : call;
  if (!isFields(call) || !isFields(body) || !isName(body["name"])) throw new Unusable("a tool call has no name");
  const given = body["arguments"] ?? body["parameters"] ?? {};
  const values = typeof given === "string" && given.trim() === "" ? {} : fromJson(given, "a call's arguments");
  if (!isFields(values)) throw new Unusable("a call's arguments are not an object");
  checkValue(values);
  return { id: optionalText(call["id"], "a call's id"), name: body["name"], arguments: values satisfies Fields };
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value.trim() !== "";
}
