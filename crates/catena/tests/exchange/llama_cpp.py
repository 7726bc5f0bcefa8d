"""Has llama.cpp write on with the GGUF files that `run.py` had written, greedily, and compares the texts.

    python llama_cpp.py FOLDER CATENA

Merged models are loaded as they are, adapters beside their base, by llama.cpp and by `catena serve`; both must
tokenize the prompts and write on alike. Where two tokens are nearly equally likely, rounding may choose another:
a text counts as equal up to the first token whose two best candidates are closer than NEAR in llama.cpp's own
logarithms, and must not differ before.
"""

import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import xllamacpp

# Half of what bf16 weights and an f16 cache move logits by, on either side.
NEAR = 0.05
# So few of all tokens may stand after such a place, or the comparison says nothing.
UNCOMPARED = 0.25
NEW_TOKENS = 16
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")


def ask(address, path, body):
    request = urllib.request.Request(f"{address}{path}", json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


class Served:
    """Our server with all models and adapters under their names, while a block runs."""

    def __init__(self, catena, folder, group):
        models = [f"{name}={folder / case['model']}" for name, case in group.items() if not case["adapter"]]
        adapters = [f"{name}={folder / case['adapter']}" for name, case in group.items() if case["adapter"]]
        options = [part for adapter in adapters for part in ("--adapter", adapter)]
        command = [catena, "serve", *models, *options, "--port", "0", "--max-sequences", "2", "--log", "off"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        said = []
        for line in self.process.stderr:
            said.append(line)
            if found := ADDRESS.search(line):
                return found[0]
        sys.exit("catena serve ended: " + "".join(said))

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def ours(address, name, prompt):
    """How many tokens the prompt has, and the texts of the answer's tokens."""
    body = {"model": name, "prompt": prompt, "max_tokens": NEW_TOKENS, "temperature": 0, "logprobs": 1}
    answer = ask(address, "/v1/completions", body)
    return answer["usage"]["prompt_tokens"], answer["choices"][0]["logprobs"]["tokens"]


def llama_server(model, adapter):
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model)
    parameters.port, parameters.n_ctx, parameters.n_parallel = 0, 512, 1
    parameters.n_gpu_layers, parameters.cpuparams.n_threads = 0, 2
    parameters.warmup, parameters.verbosity = False, -1
    if adapter:
        parameters.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), 1.0)]
    return xllamacpp.Server(parameters)


def theirs(server, prompt):
    """How many tokens the prompt has, and the answer's tokens, each with how far its text is ahead of the next."""
    answer = ask(server.listening_address, "/completion", {
        "prompt": prompt, "n_predict": NEW_TOKENS, "temperature": 0, "top_k": 1, "n_probs": 2, "cache_prompt": False,
    })
    tokens = []
    for token in answer["completion_probabilities"]:
        best, next_best = (candidate["logprob"] for candidate in token["top_logprobs"][:2])
        tokens.append((bytes(token["bytes"]).decode(errors="replace"), best - next_best))
    return answer["tokens_evaluated"], tokens


def compare(expected, found):
    """How many tokens are equal, whether that is enough, and what stands where they part."""
    # The token that ends a text is among theirs, without a text of its own, and not among ours.
    for index, (text, (other, ahead)) in enumerate(zip([*expected, ""], found)):
        if text != other:
            return index, ahead < NEAR, f"{text!r} here, {other!r} there, {ahead:.3f} ahead"
    return len(expected), 0 <= len(found) - len(expected) <= 1, "all"


def main(folder, catena):
    print(f"xllamacpp {xllamacpp.__version__}")
    wrong = equal = written = 0
    for group in json.loads((folder / "llama_cpp.json").read_text()):
        with Served(catena, folder, group["cases"]) as address:
            for name, case in group["cases"].items():
                if name in group["unasked"]:
                    continue
                server = llama_server(folder / case["model"], case["adapter"] and folder / case["adapter"])
                for prompt in group["prompts"]:
                    (num, expected), (num_theirs, found) = ours(address, name, prompt), theirs(server, prompt)
                    count, enough, why = compare(expected, found)
                    enough = enough and num == num_theirs
                    wrong, equal, written = wrong + (not enough), equal + count, written + len(expected)
                    mark = "" if enough else "  DIFFERS"
                    print(f"{name}: {num} tokens ({num_theirs}), {count} of {len(expected)} equal: {why}{mark}")
                del server
    if equal < (1 - UNCOMPARED) * written:
        sys.exit(f"only {equal} of {written} tokens are compared")
    sys.exit(f"{wrong} texts differ" if wrong else 0)


main(Path(sys.argv[1]), sys.argv[2])
