/** ToolBench's search trees: nodes of thoughts, actions, their inputs with what was observed, and children. */
import { type Fields, fromJson, isFields, Unusable } from "../../conversations/conversation.js";

/** A path is some dozens of nodes; trees that are larger than this are somebody's mistake. */
const MAX_NODES = 100_000;

interface Step {
  readonly node: Fields;
  readonly parent: Step | null;
}

/**
 * The way to the first finished end of the tree, as OpenAI's messages.
 * @throws Unusable when nothing in it is finished.
 */
export function searchPath(tree: unknown): Fields[] {
  const outer = isFields(tree) && isFields(tree["tree"]) ? tree["tree"] : tree;
  if (!isFields(outer)) throw new Unusable("there is neither a tree nor `train_messages`");
  const end = finishedEnd(outer);
  if (end === null) throw new Unusable("no branch of the tree is finished");
  const nodes: Fields[] = [];
  for (let step: Step | null = end; step !== null; step = step.parent) nodes.unshift(step.node);
  return messagesOf(nodes);
}

function finishedEnd(root: Fields): Step | null {
  const open: Step[] = [{ node: root, parent: null }];
  for (let visited = 0; visited < MAX_NODES; visited++) {
    const step = open.pop();
    if (step === undefined) return null;
    const children: readonly unknown[] = Array.isArray(step.node["children"]) ? step.node["children"] : [];
    // Every node on the way to the answer is marked as finished, so its end is one without finished children.
    if (step.node["finished"] === true && !children.some((child) => isFields(child) && child["finished"] === true))
      return step;
    for (const child of children.toReversed())
      if (isFields(child) && child["pruned"] !== true) open.push({ node: child, parent: step });
  }
  throw new Unusable(`the tree has more than ${MAX_NODES} nodes`);
}

function messagesOf(nodes: readonly Fields[]): Fields[] {
  const messages: Fields[] = [];
  let action: string | null = null;
  for (const node of nodes) {
    const description = typeof node["description"] === "string" ? node["description"] : "";
    if (node["node_type"] === "Thought") messages.push({ role: "assistant", content: description });
    else if (node["node_type"] === "Action") action = description;
    else if (node["node_type"] === "Action Input" && action !== null) {
      const call = { name: action, arguments: fromJson(description, "an action's input") };
      messages.push({ role: "assistant", content: null, tool_calls: [call] });
      if (typeof node["observation"] === "string")
        messages.push({ role: "function", name: action, content: node["observation"] });
      action = null;
    }
  }
  return messages;
}
