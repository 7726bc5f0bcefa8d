"""`catena data` and projects read from a store that speaks S3: moto's server, filled by Amazon's own client."""

import gzip
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

PROGRAM = Path(__file__).parents[3] / "bin" / "catena"
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "a-secret-of-tests", "AWS_REGION": "us-east-1"}
TEXTS = [f"Document {number} of the store, with words of its own: {number * 7919}." for number in range(2000)]


def lines(texts):
    return "".join(json.dumps({"id": f"d{text.split()[1]}", "text": text}) + "\n" for text in texts).encode()


def environment(endpoint, **variables):
    return {**os.environ, **KEYS, "AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": "true", **variables}


def catena(endpoint, *arguments, **variables):
    return subprocess.run([PROGRAM, "data", *map(str, arguments)], env=environment(endpoint, **variables),
                          capture_output=True, text=True, timeout=120)


def written(folder):
    return [json.loads(line)["text"] for file in sorted((folder / "data").rglob("*.jsonl"))
            for line in file.read_text().splitlines()]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A bucket `crawl` with JSON lines, compressed ones below `raw/` and a hidden one, and Parquet."""
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client = boto3.client("s3", endpoint_url=endpoint, region_name=KEYS["AWS_REGION"],
                          aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
                          aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"])
    client.create_bucket(Bucket="crawl")
    client.put_object(Bucket="crawl", Key="raw/a.jsonl", Body=lines(TEXTS[:1000]))
    client.put_object(Bucket="crawl", Key="raw/b.jsonl.gz", Body=gzip.compress(lines(TEXTS[1000:])))
    client.put_object(Bucket="crawl", Key="raw/.hidden.jsonl", Body=lines(["Document 7 not to be read"]))
    folder = tmp_path_factory.mktemp("local")
    (folder / "a.jsonl").write_bytes(lines(TEXTS))
    made = catena(endpoint, "convert", folder / "a.jsonl", "--out", folder / "out", "--format", "parquet")
    assert made.returncode == 0, made.stderr
    [table] = (folder / "out" / "data").rglob("*.parquet")
    client.upload_file(str(table), "crawl", "tables/documents.parquet")
    yield endpoint
    server.stop()


@pytest.mark.parametrize("where", ["raw", "raw/*.jsonl*", "tables"])
def test_a_prefix_and_a_glob_are_read(store, tmp_path, where):
    done = catena(store, "convert", f"s3://crawl/{where}", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert written(tmp_path) == TEXTS


def test_one_object_is_explained_and_queried(store, tmp_path):
    done = catena(store, "clean", "s3://crawl/raw/b.jsonl.gz", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    told = catena(store, "explain", tmp_path, "d1500")
    assert told.returncode == 0, told.stderr
    assert "b.jsonl.gz" in told.stdout
    query = "SELECT count(*) AS n FROM documents"
    asked = catena(store, "sql", query, "--on", "s3://crawl/raw", "--format", "csv")
    assert asked.stdout.split() == ["n", "2000"], asked.stderr
    asked = catena(store, "sql", "SELECT count(text) AS n FROM rows", "--on", "s3://crawl/tables/documents.parquet",
                   "--format", "csv")
    assert asked.stdout.split() == ["n", "2000"], asked.stderr


def test_results_go_to_a_store(store, tmp_path):
    """Long files in parts; what is there already is not replaced unasked."""
    long = [f"{number} " + "word " * 3000 for number in range(700)]
    (tmp_path / "long.jsonl").write_bytes("".join(json.dumps({"text": text}) + "\n" for text in long).encode())
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    arguments = "convert", tmp_path / "long.jsonl", "--out", "s3://crawl/results/one"
    done = catena(store, *arguments, **cache)
    assert done.returncode == 0, done.stderr
    assert not list((tmp_path / "cache").rglob("*.jsonl"))
    again = catena(store, "convert", "s3://crawl/results/one/data", "--out", tmp_path / "back")
    assert again.returncode == 0, again.stderr
    assert written(tmp_path / "back") == [text.strip() for text in long] or written(tmp_path / "back") == long
    taken = catena(store, *arguments, **cache)
    assert taken.returncode == 2 and "--overwrite" in taken.stderr
    assert catena(store, *arguments, "--overwrite", **cache).returncode == 0


def project(folder, sources):
    """A project in a folder, whose documents are at these places."""
    data = f"[data]\nsource = {json.dumps(sources)}\nmask_pii = false\n"
    (folder / "catena.toml").write_text(f'[project]\nname = "store"\n{data}')


def data_stage(endpoint, folder):
    """Where `catena up` leaves the documents of a project; the stages after that are interrupted."""
    stages, said = folder / ".catena" / "stages" / "data", folder / "said.txt"
    with said.open("w") as errors:
        run = subprocess.Popen([PROGRAM, "up", folder], env=environment(endpoint), stdout=errors, stderr=errors)
    try:
        ends = time.monotonic() + 120
        while True:
            done = [one for one in stages.glob("*") if one.suffix != ".partial"]
            if done:
                return done[0]
            assert run.poll() is None and time.monotonic() < ends, said.read_text()
            time.sleep(0.05)
    finally:
        run.send_signal(signal.SIGINT)
        run.wait(timeout=120)


def test_a_project_has_its_documents_in_a_store_and_beside_it(store, tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "opening.md").write_text("# Opening hours\n\nThe desk is open from nine to noon.\n")
    project(tmp_path, ["s3://crawl/raw", "notes"])
    stage = data_stage(store, tmp_path)
    assert written(stage) == [*TEXTS, "# Opening hours\n\nThe desk is open from nine to noon."]
    card = json.loads((stage / "card.json").read_text())
    assert [file["path"] for file in card["inputs"]] == [
        "s3://crawl/raw/a.jsonl", "s3://crawl/raw/b.jsonl.gz", str(tmp_path / "notes" / "opening.md")]
    for name, source in (("d1500", "raw/b.jsonl.gz"), ("notes/opening.md", "notes/opening.md")):
        told = catena(store, "explain", stage, name)
        assert told.returncode == 0 and f"from {source}" in told.stdout, told.stderr


def test_a_project_whose_store_has_nothing_says_so(store, tmp_path):
    project(tmp_path, "s3://crawl/nothing")
    told = subprocess.run([PROGRAM, "up", tmp_path], env=environment(store), capture_output=True, text=True,
                          timeout=120)
    assert told.returncode not in (0, 130) and "s3://crawl/nothing" in told.stderr
    assert KEYS["AWS_SECRET_ACCESS_KEY"] not in told.stderr


@pytest.mark.parametrize("where, said", [("crawl/nothing.jsonl", "s3://crawl/nothing.jsonl"),
                                         ("nobody/x", "s3://nobody/x"), ("/x", "no bucket is named")])
def test_what_is_not_there_is_told(store, tmp_path, where, said):
    done = catena(store, "convert", f"s3://{where}", "--out", tmp_path)
    assert done.returncode != 0
    assert said in done.stderr
    assert KEYS["AWS_SECRET_ACCESS_KEY"] not in done.stderr
