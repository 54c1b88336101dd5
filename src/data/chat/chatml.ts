/**
 * The built-in template, for tokenizers that bring none: turns between `<|im_start|>` and `<|im_end|>`, tools and calls as JSON between tags,
 * as many published models write them.
 */
export const CHATML = `
{%- if messages and messages[0].role == "system" %}
  {%- set system = messages[0].content %}
  {%- set turns = messages[1:] %}
{%- else %}
  {%- set system = "" %}
  {%- set turns = messages %}
{%- endif %}
{%- if tools or system %}
  {{- "<|im_start|>system\\n" + system }}
  {%- if tools %}
    {{- "\\n\\n" if system }}
    {{- "You can call these functions, described by JSON schemas:\\n<tools>" }}
    {%- for tool in tools %}
      {{- "\\n" + (tool.function | tojson) }}
    {%- endfor %}
    {{- '\\n</tools>\\nCall one with <tool_call>\\n{"name": …, "arguments": {…}}\\n</tool_call>' }}
  {%- endif %}
  {{- "<|im_end|>\\n" }}
{%- endif %}
{%- for message in turns %}
  {{- "<|im_start|>" + message.role + "\\n" }}
  {%- if message.role == "assistant" %}
    {%- generation %}
      {{- message.content }}
      {%- for call in message.tool_calls or [] %}
        {{- "\\n" if message.content or not loop.first }}
        {{- '<tool_call>\\n{"name": ' + (call.function.name | tojson) }}
        {{- ', "arguments": ' + (call.function.arguments | tojson) + '}\\n</tool_call>' }}
      {%- endfor %}
      {{- "<|im_end|>" }}
    {%- endgeneration %}
    {{- "\\n" }}
  {%- else %}
    {{- message.content + "<|im_end|>\\n" }}
  {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
  {{- "<|im_start|>assistant\\n" }}
{%- endif %}
`;
