"""llama.cpp's server on loopback, with as many clients as there are sequences."""

import http.client
import json
import socket
import subprocess
import tempfile
import threading
import time

import llama_cpp
from common import Absent, cell_at, end_with_parent, last_line, percentile

NAME = "llama-server"
AREA = "engine"
KINDS = ["shared_prefix", "turns", "copying"]
install = llama_cpp.install
HOST = "127.0.0.1"
# Longest time to load a model, and to answer.
START_S, ANSWER_S = 120, 600
# How often a server that loads is asked whether it is ready.
LOOK_S = 0.05
# Its ways of keeping the sequences' keys and values; the best of each cell counts.
CACHES = [["--no-kv-unified"], ["--kv-unified"]]
# Its guesses from the text so far; the best counts.
GUESSES = ["ngram-simple", "ngram-map-k", "ngram-mod", "ngram-cache"]


class Server:
    """A server that runs while the `with` lasts."""

    def __init__(self, task, slots, tokens, *options):
        with socket.socket() as free:
            free.bind((HOST, 0))
            self.port = free.getsockname()[1]
        command = [llama_cpp.tool("llama-server"), "-m", task["model"], "-t", task["threads"],
                   "--host", HOST, "--port", self.port, "--parallel", slots, "--no-webui",
                   "-c", slots * llama_cpp.rounded(tokens), *options]
        self.log = tempfile.TemporaryFile("w+")
        self.child = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL,
                                      stderr=self.log, preexec_fn=end_with_parent)

    def __enter__(self):
        until = time.monotonic() + START_S
        while not self.is_ready():
            if self.child.poll() is not None or time.monotonic() > until:
                self.__exit__()
                raise Absent(f"does not start: {self.words()}")
            time.sleep(LOOK_S)
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()

    def words(self):
        self.log.seek(0)
        return last_line(self.log.read())

    def is_ready(self):
        connection = http.client.HTTPConnection(HOST, self.port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def answer(self, prompt, generated, sampling):
        """Sends one prompt of token ids and reads the answer as it comes."""
        asked = {"prompt": prompt, "n_predict": generated, "ignore_eos": True, "stream": True,
                 "return_tokens": True, "cache_prompt": True, **sampling}
        connection = http.client.HTTPConnection(HOST, self.port, timeout=ANSWER_S)
        began = time.perf_counter()
        connection.request("POST", "/completion", json.dumps(asked),
                           {"Content-Type": "application/json"})
        response = connection.getresponse()
        if response.status != 200:
            raise Absent(f"answers with status {response.status}: {last_line(response.read().decode())}")
        answer = Answer(began)
        for line in response:
            answer.read(line)
        connection.close()
        return answer


class Answer:
    """When the tokens of an answer came."""

    def __init__(self, began):
        self.began, self.first, self.last = began, None, None
        self.tokens, self.count = [], 0

    def read(self, line):
        if not line.startswith(b"data: "):
            return
        event = json.loads(line.removeprefix(b"data: "))
        if "error" in event:
            raise Absent(f"breaks off: {event['error']}")
        now = time.perf_counter()
        # One whose character is not whole comes with the token that completes it.
        if event["tokens"] and self.first is None:
            self.first = now
        self.tokens += event["tokens"]
        if event["stop"]:
            self.count, self.last = event["tokens_predicted"], now

    def until_first(self):
        if self.first is None:
            raise Absent("answers without a token")
        return self.first - self.began

    def speed(self):
        """Tokens per second once the first is there."""
        return (self.count - 1) / (self.last - self.began - self.until_first())


def round_of(task):
    cells = {}
    if wanted := task.get("shared_prefix"):
        for cache in CACHES:
            keep_best(cells, shared_prefix(task, wanted, cache))
    if wanted := task.get("turns"):
        cells |= turns(task, wanted)
    if wanted := task.get("copying"):
        cells |= copying(task, wanted)
    return {"version": llama_cpp.VERSION_LINE, "cells": cells}


def keep_best(cells, others):
    """The way of caching with the most tokens per second counts, with its times."""
    name = next(iter(others))
    if name not in cells or others[name] > cells[name]:
        cells.update(others)


def shared_prefix(task, wanted, cache):
    """All prompts at once to a fresh server, then prompts that go on from the same beginning."""
    waves, generated = wanted["waves"], wanted["generated"]
    cells = {}
    with Server(task, len(waves[0]), len(waves[0][0]) + generated, *cache) as server:
        for name, prompts in zip(wanted["cells"], waves):
            cells |= wave(server, name, prompts, generated, wanted["sampling"])
    return cells


def wave(server, name, prompts, generated, sampling):
    answers, failures = [], []
    ready = threading.Barrier(len(prompts) + 1)

    def client(seed, prompt):
        ready.wait()
        try:
            answers.append(server.answer(prompt, generated, {**sampling, "seed": seed}))
        except (Absent, OSError) as error:
            failures.append(error)

    clients = [threading.Thread(target=client, args=one) for one in enumerate(prompts)]
    for one in clients:
        one.start()
    ready.wait()
    for one in clients:
        one.join()
    if failures:
        raise Absent(f"does not serve all clients: {failures[0]}")
    wall = max(one.last for one in answers) - min(one.began for one in answers)
    firsts = [1000 * one.until_first() for one in answers]
    return {name: sum(one.count for one in answers) / wall,
            cell_at(name, "ttft_p50"): percentile(firsts, 50),
            cell_at(name, "ttft_p99"): percentile(firsts, 99)}


def turns(task, wanted):
    """A conversation: every prompt is the one before, its answer, and as many tokens more."""
    said, firsts = [], []
    tokens = sum(len(turn) + wanted["generated"] for turn in wanted["turns"])
    with Server(task, 1, tokens) as server:
        server.answer(wanted["warm_up"], 1, wanted["sampling"])
        for turn in wanted["turns"]:
            said += turn
            answer = server.answer(said, wanted["generated"], wanted["sampling"])
            if len(answer.tokens) != wanted["generated"]:
                raise Absent("keeps back tokens of its answer")
            said += answer.tokens
            firsts.append(1000 * answer.until_first())
    name = wanted["cell"]
    return {name: firsts[-1] / firsts[0], cell_at(name, "first"): firsts[0],
            cell_at(name, "last"): firsts[-1]}


def copying(task, wanted):
    """An answer that copies its prompt, with and without guesses from the text so far."""
    off = copied(task, wanted)
    on = max(copied(task, wanted, "--spec-type", guess) for guess in GUESSES)
    name = wanted["cell"]
    return {name: on / off, cell_at(name, "on"): on, cell_at(name, "off"): off}


def copied(task, wanted, *options):
    with Server(task, 1, len(wanted["prompt"]) + wanted["generated"], *options) as server:
        server.answer(wanted["warm_up"], 1, wanted["sampling"])
        return server.answer(wanted["prompt"], wanted["generated"], wanted["sampling"]).speed()
