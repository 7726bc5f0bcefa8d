"""Has llama.cpp write on from the prompts of the engine's test, greedily, and compares the tokens.

    CATENA_LLAMA_CPP_OUT=FOLDER cargo test --release -p catena-engine llama_cpp
    python3 check.py FOLDER LLAMA_SERVER

FOLDER holds what the test wrote: a base, the same with an adapter merged in, the adapter by itself.
LLAMA_SERVER is llama.cpp's server (`bench/peers/llama_cpp.py` builds one). Where two tokens are nearly
equally likely, rounding may choose another: a text counts as equal up to the first token whose two best
candidates are closer than NEAR in llama.cpp's own logarithms, and must not differ before.
"""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

PORT = 18765
# Half of what bf16 weights and an f16 cache move logits by, on either side.
NEAR = 0.05


def ask(path, body=None):
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}{path}", json.dumps(body).encode() if body else None)
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=600) as answer:
        return json.load(answer)


def wait(server):
    for _ in range(600):
        if server.poll() is not None:
            sys.exit(f"the server ended with {server.returncode}")
        try:
            return ask("/health")
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    sys.exit("the server does not answer")


def compare(tokens, answer):
    """The tokens that are equal, and whether that is enough."""
    found = answer["tokens"]
    for index, (ours, theirs) in enumerate(zip(tokens, found)):
        if ours != theirs:
            best = answer["completion_probabilities"][index]["top_logprobs"]
            gap = best[0]["logprob"] - best[1]["logprob"]
            return index, gap < NEAR, f"token {ours} here, {theirs} there, {gap:.3f} before the next"
    # The token that ends a text may be among theirs.
    return len(tokens), 0 <= len(found) - len(tokens) <= 1, "all"


def main(folder, binary):
    expected = json.loads((folder / "expected.json").read_text())
    wrong = 0
    for name, file in expected["files"].items():
        command = [binary, "-m", folder / name.split()[0], "--port", str(PORT), "-c", "1024", "-t", "2", "-np", "1"]
        command += ["--lora", folder / file["adapter"]] if file["adapter"] else []
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait(server)
            for prompt, tokens in zip(expected["prompts"], file["tokens"]):
                answer = ask("/completion", {
                    "prompt": prompt, "n_predict": expected["new_tokens"], "temperature": 0, "top_k": 1,
                    "return_tokens": True, "n_probs": 2, "cache_prompt": False,
                })
                count, enough, why = compare(tokens, answer)
                wrong += not enough
                print(f"{name}: {count} of {len(tokens)} tokens equal: {why}")
        finally:
            server.terminate()
            server.wait()
    sys.exit(f"{wrong} texts differ" if wrong else 0)


main(Path(sys.argv[1]), sys.argv[2])
