"""`catena data` reads from a store that speaks S3: moto's server, filled by Amazon's own client."""

import gzip
import json
import os
import subprocess
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

PROGRAM = Path(__file__).parents[3] / "bin" / "catena"
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "a-secret-of-tests", "AWS_REGION": "us-east-1"}
TEXTS = [f"Document {number} of the store, with words of its own: {number * 7919}." for number in range(2000)]


def lines(texts):
    return "".join(json.dumps({"id": f"d{text.split()[1]}", "text": text}) + "\n" for text in texts).encode()


def catena(endpoint, *arguments, **variables):
    environment = {**os.environ, **KEYS, "AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": "true", **variables}
    return subprocess.run([PROGRAM, "data", *map(str, arguments)], env=environment, capture_output=True, text=True,
                          timeout=120)


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


@pytest.mark.parametrize("where, said", [("crawl/nothing.jsonl", "s3://crawl/nothing.jsonl"),
                                         ("nobody/x", "s3://nobody/x"), ("/x", "no bucket is named")])
def test_what_is_not_there_is_told(store, tmp_path, where, said):
    done = catena(store, "convert", f"s3://{where}", "--out", tmp_path)
    assert done.returncode != 0
    assert said in done.stderr
    assert KEYS["AWS_SECRET_ACCESS_KEY"] not in done.stderr
