"""The adapters of `adapters/` as llama.cpp's own script writes them.

Run: python make_gguf_adapters.py LLAMA_CPP

LLAMA_CPP is a folder with llama.cpp's source (`bench/peers/llama_cpp.py` says where it is fetched to).
Writes `adapters/NAME/adapter.gguf` in f32, with what the script makes of the base's `config.json` alone;
that of tiny_llama names no class, so a copy does. The script is not asked about GPT-2, whose fused pair it
turns around.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ADAPTERS = {
    "attention": "tiny_llama", "phi3": "families/phi3", "glm": "families/glm",
    "gpt_neox": "families/gpt_neox", "starcoder2": "families/starcoder2",
    "mixtral": "families/mixtral", "qwen3_moe": "families/qwen3_moe",
}


def main(source: Path) -> None:
    for name, base in ADAPTERS.items():
        with tempfile.TemporaryDirectory() as folder:
            config = json.loads((HERE / base / "config.json").read_text())
            config.setdefault("architectures", ["LlamaForCausalLM"])
            (Path(folder) / "config.json").write_text(json.dumps(config))
            adapter = HERE / "adapters" / name
            command = [
                sys.executable, source / "convert_lora_to_gguf.py", "--outtype", "f32", "--base", folder,
                "--outfile", adapter / "adapter.gguf", adapter,
            ]
            subprocess.run(command, check=True, env={"PYTHONPATH": str(source / "gguf-py")})
    (HERE / "PROVENANCE_gguf_adapters").write_text(
        "make_gguf_adapters.py; convert_lora_to_gguf.py of llama-cpp-python 0.3.36\n"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
