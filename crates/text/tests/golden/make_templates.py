"""Makes goldens of chat templates, with and without tools, with transformers' own renderer.

    python make_templates.py LLAMA_CPP OUT

LLAMA_CPP is llama.cpp's source tree, which holds templates of many families; OUT is this folder.
Only digests of what they render are kept, since the templates are others' text.
"""

import hashlib
import json
import sys
from pathlib import Path

import jinja2
import transformers
from transformers.utils import chat_template_utils

PLAIN = [
    [("user", "Hi")],
    [("system", "Be brief."), ("user", "What is 1 + 1? \"Quoted\" & <tagged>")],
    [("user", "你好"), ("assistant", "你好！😀"), ("user", " two\n\nlines ")],
    [("system", "a"), ("user", "b"), ("assistant", "c"), ("user", "d"), ("assistant", "<think>\ne\n</think>\n\nf")],
    [("user", "b"), ("assistant", "c"), ("assistant", "d")],
    [("assistant", "first")],
    [("user", "late"), ("system", "system")],
]


FEE = {
    "type": "function",
    "function": {
        "name": "fee",
        "description": "The fee of a card, \"gold\" or <other>.",
        "parameters": {
            "type": "object",
            "properties": {
                "card": {"type": "string", "description": "Its name.", "enum": ["gold", "silver"]},
                "months": {"type": "integer", "default": 12},
                "options": {"type": "object", "properties": {"exact": {"type": "boolean"}}},
                "tags": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["card"],
        },
    },
}
CLOSE = {"type": "function", "function": {"name": "close", "description": "Closes.", "parameters": {"type": "object", "properties": {}}}}


def call(name, **arguments):
    return {"id": "call_0001", "type": "function", "function": {"name": name, "arguments": arguments}}


USER = {"role": "user", "content": "What is the fee?"}
RESULT = {"role": "tool", "content": "{\"fee\": 5.5}", "tool_call_id": "call_0001", "name": "fee"}

WITH_TOOLS = [
    {"messages": [USER], "tools": [FEE]},
    {"messages": [{"role": "system", "content": "Be brief."}, USER], "tools": [FEE, CLOSE]},
    {"messages": [USER, {"role": "assistant", "content": "", "tool_calls": [call("fee", card="gold", months=3)]}, RESULT], "tools": [FEE]},
    {"messages": [USER, {"role": "assistant", "tool_calls": [call("fee", card="银卡 \"é\"", options={"exact": True}, tags=["a"])]}, RESULT, {"role": "assistant", "content": "5.5"}], "tools": [FEE]},
    {"messages": [USER, {"role": "assistant", "content": "I look.", "tool_calls": [call("fee", card="gold"), call("close")]}, RESULT, RESULT, {"role": "assistant", "content": "Done."}, {"role": "user", "content": "Thanks"}], "tools": [FEE, CLOSE]},
    {"messages": [USER, {"role": "assistant", "reasoning_content": "Think.", "content": "5.5"}, {"role": "user", "content": "And silver?"}, {"role": "assistant", "reasoning_content": "Again.", "content": "0"}]},
    {"messages": [USER], "variables": {"enable_thinking": False}},
    {"messages": [USER], "variables": {"enable_thinking": True}},
]


def render(source, conversation, prompt, date):
    template = chat_template_utils._compile_jinja_template(source)
    template.globals["strftime_now"] = lambda form: date
    messages = chat_template_utils._alias_reasoning_fields(conversation["messages"])
    try:
        return template.render(
            messages=messages, tools=conversation.get("tools"), documents=None, add_generation_prompt=prompt,
            **{"bos_token": "<s>", "eos_token": "</s>", **conversation.get("variables", {})},
        ), None
    except jinja2.exceptions.TemplateError as error:
        raised = type(error) is jinja2.exceptions.TemplateError
        return None, {"refused": str(error)} if raised else {"fails": True}
    except (TypeError, KeyError, ValueError, AttributeError):
        return None, {"fails": True}


def make(templates, conversations):
    for path in templates:
        text = path.read_text()
        for number, conversation in enumerate(conversations):
            for prompt in [False, True]:
                rendered, failed = render(text, conversation, prompt, "a")
                if rendered != render(text, conversation, prompt, "b")[0]:
                    continue
                entry = {"template": path.name, "conversation": number, "prompt": prompt}
                yield entry | (failed or {"bytes": len(rendered.encode()),
                                          "sha256": hashlib.sha256(rendered.encode()).hexdigest()})


def write(path, conversations, made):
    lines = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in made)
    head = json.dumps(conversations, separators=(",", ":"))
    path.write_text(f'{{"conversations":{head},\n"rendered":[\n{lines}\n]}}\n')
    print(path.name, len(made), sum("sha256" in entry for entry in made))


def main(source, out):
    templates = sorted((source / "models" / "templates").glob("*.jinja"))
    plain = [{"messages": [{"role": role, "content": text} for role, text in turns]} for turns in PLAIN]
    write(out / "templates.json", PLAIN, list(make(templates, plain)))
    write(out / "tool_templates.json", WITH_TOOLS, list(make(templates, WITH_TOOLS)))
    (out / "PROVENANCE_templates").write_text(
        "templates.json and tool_templates.json, made by make_templates.py in this folder:\n\n"
        "    python make_templates.py LLAMA_CPP OUT\n\n"
        f"transformers {transformers.__version__}, jinja2 {jinja2.__version__}; templates of llama.cpp's source as in\n"
        "the Python package llama-cpp-python 0.3.36. Renderings that hold today's date are left out.\n"
    )


main(Path(sys.argv[1]), Path(sys.argv[2]))
