"""Makes goldens of chat templates with transformers' own renderer.

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

CONVERSATIONS = [
    [("user", "Hi")],
    [("system", "Be brief."), ("user", "What is 1 + 1? \"Quoted\" & <tagged>")],
    [("user", "你好"), ("assistant", "你好！😀"), ("user", " two\n\nlines ")],
    [("system", "a"), ("user", "b"), ("assistant", "c"), ("user", "d"), ("assistant", "<think>\ne\n</think>\n\nf")],
    [("user", "b"), ("assistant", "c"), ("assistant", "d")],
    [("assistant", "first")],
    [("user", "late"), ("system", "system")],
]


def render(source, messages, prompt, date):
    template = chat_template_utils._compile_jinja_template(source)
    template.globals["strftime_now"] = lambda form: date
    try:
        return template.render(
            messages=messages, tools=None, documents=None, add_generation_prompt=prompt,
            bos_token="<s>", eos_token="</s>",
        ), None
    except jinja2.exceptions.TemplateError as error:
        raised = type(error) is jinja2.exceptions.TemplateError
        return None, {"refused": str(error)} if raised else {"fails": True}
    except (TypeError, KeyError, ValueError, AttributeError):
        return None, {"fails": True}


def main(source, out):
    made = []
    for path in sorted((source / "models" / "templates").glob("*.jinja")):
        text = path.read_text()
        for number, conversation in enumerate(CONVERSATIONS):
            messages = [{"role": role, "content": content} for role, content in conversation]
            for prompt in [False, True]:
                rendered, failed = render(text, messages, prompt, "a")
                if rendered != render(text, messages, prompt, "b")[0]:
                    continue
                entry = {"template": path.name, "conversation": number, "prompt": prompt}
                entry |= failed or {"bytes": len(rendered.encode()),
                                    "sha256": hashlib.sha256(rendered.encode()).hexdigest()}
                made.append(entry)
    lines = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in made)
    turns = [[list(turn) for turn in conversation] for conversation in CONVERSATIONS]
    head = json.dumps(turns, separators=(",", ":"))
    (out / "templates.json").write_text(f'{{"conversations":{head},\n"rendered":[\n{lines}\n]}}\n')
    (out / "PROVENANCE_templates").write_text(
        "Made by make_templates.py in this folder:\n\n"
        "    python make_templates.py LLAMA_CPP OUT\n\n"
        f"transformers {transformers.__version__}, jinja2 {jinja2.__version__}; templates of llama.cpp's source as in\n"
        "the Python package llama-cpp-python 0.3.36. Renderings that hold today's date are left out.\n"
    )
    print(len(made), sum("sha256" in entry for entry in made))


main(Path(sys.argv[1]), Path(sys.argv[2]))
