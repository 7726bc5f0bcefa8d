"""Makes goldens of rendered conversations with their masks, by transformers and TRL.

    python make_chat.py OUT

OUT is this folder, which holds the tokenizers of make_tokenizer.py. Templates with
`{% generation %}` marks give transformers' mask; for all, TRL's split of prompt and completion is
kept where it has one.
"""

import json
import shutil
import sys
from pathlib import Path

import transformers
import trl
from transformers import PreTrainedTokenizerFast
from trl.data_utils import _tokenize, common_prefix_length

from conversations import CONVERSATIONS

# Of TRL's templates, by Qwen, Meta, Google, Microsoft and Zhipu.
TEMPLATES = [
    "qwen2_5", "qwen2_5_training", "qwen3", "qwen3_training", "llama3", "llama3_training", "gemma", "gemma_training",
    "phi3", "phi3_training", "glm4moe_training", "deepseek_r1_distill_training",
]

# White space, scopes and placements that no published template has all of.
CORNERS = {
    "corner_spaces": (
        "{% for m in messages %}\n  {% if m.role == 'assistant' %}\n    {% generation %}\n  {{ m.content }}</s>\n"
        "    {% endgeneration %}\n  {% else %}\n<{{ m.role }}> {{ m.content }}\n  {% endif %}\n{% endfor %}\nend"
    ),
    "corner_tight": (
        "{%- for m in messages -%}{%-generation-%} {{ m.role }} {%- endgeneration -%}\n\n{{ m.content }}"
        "{%+ generation %}  \n{{ loop.index }}{%- endgeneration +%}\n{%- endfor -%}"
    ),
    "corner_scopes": (
        "{% set x = 'out' %}{% set ns = namespace(n=0) %}{% for m in messages %}{% generation %}{% set x = 'in' %}"
        "{% set ns.n = ns.n + 1 %}{{ x }}{{ ns.n }}{{ loop.first }}{% endgeneration %}[{{ x }}]{% endfor %}"
    ),
    "corner_comment": (
        "{#- has {% generation %} in words -#}{% for m in messages %}{{ m.role }}: {% if m.role == 'assistant' %}"
        "{% generation %}{{ m.content }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}\n{% endfor %}"
    ),
    "corner_empty": "{% for m in messages %}a{% generation %}{% endgeneration %}b{{ m.content }}{% endfor %}",
}


def ranges(mask):
    found = []
    for at, flag in enumerate(mask):
        if flag and (at == 0 or not mask[at - 1]):
            found.append([at, at])
        if flag:
            found[-1][1] = at + 1
    return found


def encode(tokenizer, source, conversation, **kwargs):
    return tokenizer.apply_chat_template(
        conversation["messages"], chat_template=source, tools=conversation.get("tools"), tokenize=True,
        return_dict=True, **conversation.get("chat_template_kwargs", {}), **kwargs,
    )


def split(tokenizer, source, conversation):
    """TRL's prompt and completion, the last message being the completion."""
    kwargs = {"chat_template": source, "tools": conversation.get("tools"), **conversation.get("chat_template_kwargs", {})}
    messages = conversation["messages"]
    prompt = _tokenize(tokenizer, messages[:-1], add_generation_prompt=True, **kwargs)["input_ids"]
    whole = _tokenize(tokenizer, messages, **kwargs)["input_ids"]
    length = common_prefix_length(prompt, whole)
    return length if length == len(prompt) else None


def main(out):
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(out / "tokenizer.json"), bos_token="<s>", eos_token="<|im_end|>", pad_token="<pad>", unk_token="<unk>"
    )
    folder = Path(trl.__file__).parent / "chat_templates"
    sources = {}
    for name in TEMPLATES:
        shutil.copy(folder / f"{name}.jinja", out / "templates" / f"{name}.jinja")
        sources[name] = (folder / f"{name}.jinja").read_text()
    sources["smollm2"] = (out / "../../../text/tests/golden/smollm2_template.jinja").read_text()
    cases = []
    for name, source in {**sources, **CORNERS}.items():
        marked = "generation %}" in source or "generation-%}" in source
        for number, conversation in enumerate(CONVERSATIONS):
            case = {"template": name, "conversation": number}
            try:
                encoded = encode(tokenizer, source, conversation, return_assistant_tokens_mask=marked)
            except Exception as error:  # Template and Python errors alike: the conversation is refused.
                cases.append({**case, "fails": type(error).__name__})
                continue
            case["ids"] = encoded["input_ids"]
            if marked:
                case["mask"] = ranges(encoded["assistant_masks"])
            if conversation["messages"][-1]["role"] == "assistant":
                length = split(tokenizer, source, conversation)
                if length is not None:
                    case["prompt"] = length
            cases.append(case)
    head = {"templates": [*TEMPLATES, "smollm2"], "corners": CORNERS, "conversations": CONVERSATIONS}
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    (out / "chat.json").write_text(json.dumps(head, separators=(",", ":"))[:-1] + ',\n"cases":[\n' + lines + "\n]}\n")
    (out / "PROVENANCE_chat").write_text(
        "Made by make_chat.py in this folder:\n\n    python make_chat.py OUT\n\n"
        f"transformers {transformers.__version__}, trl {trl.__version__}; no seed is used. The templates in templates/ are\n"
        f"those of trl {trl.__version__} (Apache-2.0), unchanged; the one of SmolLM2 is that of the text crate's goldens.\n"
    )
    print(len(cases), sum("mask" in case for case in cases), sum("fails" in case for case in cases))


main(Path(sys.argv[1]))
