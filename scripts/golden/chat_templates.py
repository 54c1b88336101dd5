"""Golden renderings of chat templates: what Hugging Face `transformers` makes of the templates and conversations in test/golden/chat.

    python3 scripts/golden/chat_templates.py

The templates are ours, written with the constructs that published ones use. Writes renderings.json: for every template, conversation and
choice of a generation prompt the text, the spans of `{% generation %}` blocks, or the message with which the template refuses.
With `ask` it answers the same question for {templates, conversations, special_tokens} on standard input (test/oracle/chat.test.ts).
Needs transformers and jinja2; the versions that made the file are in it.
"""

import datetime
import json
import re
import sys
from pathlib import Path

import jinja2
import transformers
from transformers.utils import chat_template_utils

FOLDER = Path(__file__).resolve().parents[2] / "test" / "golden" / "chat"
BUILT_IN = FOLDER.parents[2] / "src" / "data" / "chat" / "chatml.ts"
SPECIAL_TOKENS = {"bos_token": "<|begin|>", "eos_token": "<|end|>"}


class FixedDate(datetime.datetime):
    """The day that src/data/chat/strftime.ts shows to templates."""

    @classmethod
    def now(cls, tz=None):
        return cls(2024, 7, 26)


chat_template_utils.datetime = FixedDate


def render(template: str, conversation: dict, prompt: bool, special_tokens: dict) -> dict:
    try:
        texts, spans = chat_template_utils.render_jinja_template(
            conversations=[conversation["messages"]],
            tools=conversation.get("tools"),
            chat_template=template,
            return_assistant_tokens_mask=True,
            add_generation_prompt=prompt,
            **special_tokens,
        )
    except jinja2.exceptions.TemplateError as error:
        return {"refused": str(error)}
    # Python counts code points, JavaScript UTF-16 units.
    units = [[len(texts[0][:at].encode("utf-16-le")) // 2 for at in span] for span in spans[0]]
    return {"text": texts[0], "spans": [span for span in units if span[0] < span[1]]}


def answer(question: dict) -> dict:
    return {
        name: [
            {
                "conversation": conversation["name"],
                "prompt": prompt,
                **render(template, conversation, prompt, question["special_tokens"]),
            }
            for conversation in question["conversations"]
            for prompt in (False, True)
        ]
        for name, template in question["templates"].items()
    }


def built_in() -> str:
    """The template in chatml.ts, whose only escapes are of backslashes."""
    [text] = re.findall(r"CHATML = `(.*?)`;", BUILT_IN.read_text(encoding="utf-8"), re.DOTALL)
    return text.replace("\\\\", "\\")


def main() -> None:
    if sys.argv[1:] == ["ask"]:
        json.dump(answer(json.load(sys.stdin)), sys.stdout)
        return
    templates = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.jinja"))}
    templates["chatml"] = built_in()
    conversations = json.loads((FOLDER / "conversations.json").read_text(encoding="utf-8"))
    question = {"templates": templates, "conversations": conversations, "special_tokens": SPECIAL_TOKENS}
    golden = {
        "transformers": transformers.__version__,
        "jinja2": jinja2.__version__,
        "specialTokens": SPECIAL_TOKENS,
        "renderings": answer(question),
    }
    (FOLDER / "renderings.json").write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


main()
