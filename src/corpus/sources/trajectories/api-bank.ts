/** API-Bank's dialogues (Li et al. 2023, https://github.com/AlibabaResearch/DAMO-ConvAI): a file is one, a line is a turn of user, assistant or API. */
import { type Conversation, type Message, message, textOf, Unusable } from "../../conversations/conversation.js";
import { callsOf } from "../../conversations/tools.js";
import { fieldsOf } from "./record.js";

/** A dialogue's lines as a conversation; an API's line is the assistant's call and what came back. */
export function apiBankDialogue(lines: readonly unknown[]): Conversation {
  const messages = lines.flatMap((line, index): Message[] => {
    try {
      return turnsOf(line);
    } catch (error) {
      if (error instanceof Unusable) throw new Unusable(`line ${index + 1}: ${error.message}`);
      throw error;
    }
  });
  return { messages, tools: [] };
}

function turnsOf(line: unknown): Message[] {
  const turn = fieldsOf(line, "the line");
  switch (turn["role"]) {
    case "User":
      return [message("user", textOf(turn["text"], "`text`"))];
    case "AI":
      return [message("assistant", textOf(turn["text"], "`text`"))];
    case "API": {
      const toolCalls = callsOf([{ name: turn["api_name"], arguments: turn["param_dict"] ?? {} }]);
      const result = turn["result"] ?? null;
      // The result repeats name and input of the call; what is new in it is the output or the exception.
      const { output, exception } = fieldsOf(
        typeof result === "object" && result !== null ? result : { output: result },
        "",
      );
      const observed = exception === null || exception === undefined ? { output: output ?? null } : { exception };
      return [
        message("assistant", "", { toolCalls }),
        message("tool", JSON.stringify(observed), { name: toolCalls[0].name }),
      ];
    }
    default:
      throw new Unusable("its `role` is none of User, AI and API");
  }
}
