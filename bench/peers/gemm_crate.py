"""The Rust crate `gemm` on the same f32 shapes: what a product that takes a library would run."""

import json

from common import CACHE, output, run

NAME = "gemm"
AREA = "kernels"
KINDS = ["gemm"]
VERSION = "0.19.0"
HOME = CACHE / f"gemm-{VERSION}"
PROGRAM = HOME / "target" / "release" / "measure"
MANIFEST = f"""\
[package]
name = "measure"
version = "0.0.0"
edition = "2021"

[dependencies]
gemm = {{ version = "={VERSION}", features = ["x86-v4"] }}
"""
# Reads threads, then lines of `form rows n k`; writes the operations per second of each, the fastest
# run in as long as ours have. Operands stand as ours do: W [n, k], x [rows, k], dy [rows, n].
SOURCE = """\
use std::io::Read;
use std::time::{Duration, Instant};

const TIME: Duration = Duration::from_millis(300);

fn main() {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).unwrap();
    let mut lines = text.lines();
    let threads: usize = lines.next().unwrap().parse().unwrap();
    for line in lines {
        let (form, sizes) = line.split_once(' ').unwrap();
        let sizes: Vec<usize> = sizes.split(' ').map(|size| size.parse().unwrap()).collect();
        let seconds = fastest(form, sizes[0], sizes[1], sizes[2], threads);
        println!("{}", 2.0 * (sizes[0] * sizes[1] * sizes[2]) as f64 / seconds);
    }
}

fn fastest(form: &str, rows: usize, n: usize, k: usize, threads: usize) -> f64 {
    let values = |len: usize| (0..len).map(|i| (i % 31) as f32 / 16.0 - 1.0).collect::<Vec<f32>>();
    let (x, dy, w) = (values(rows * k), values(rows * n), values(n * k));
    // Sizes of the result and of the reduction; each operand with its column and row strides.
    let (m, cols, inner, a, b) = match form {
        "nt" => (rows, n, k, (&x, 1, k), (&w, k, 1)),
        "nn" => (rows, k, n, (&dy, 1, n), (&w, 1, k)),
        _ => (n, k, rows, (&dy, n, 1), (&x, 1, k)),
    };
    let mut out = vec![0.0f32; m * cols];
    let parallelism = match threads {
        1 => gemm::Parallelism::None,
        _ => gemm::Parallelism::Rayon(threads),
    };
    let mut job = || unsafe {
        gemm::gemm(
            m, cols, inner, out.as_mut_ptr(), 1, cols as isize, false,
            a.0.as_ptr(), a.1 as isize, a.2 as isize, b.0.as_ptr(), b.1 as isize, b.2 as isize,
            0.0, 1.0, false, false, false, parallelism,
        )
    };
    job();
    let (begin, mut best) = (Instant::now(), f64::INFINITY);
    while begin.elapsed() < TIME {
        let start = Instant::now();
        job();
        best = best.min(start.elapsed().as_secs_f64());
    }
    best
}
"""


def install():
    """Builds the measuring program once."""
    if PROGRAM.exists():
        return
    (HOME / "src").mkdir(parents=True, exist_ok=True)
    (HOME / "Cargo.toml").write_text(MANIFEST)
    (HOME / "src" / "main.rs").write_text(SOURCE)
    run(["cargo", "build", "--release", "--quiet", "--target-dir", HOME / "target"], cwd=HOME)


def round_of(task):
    products = [product for product in task["gemm"] if product["dtype"] == "f32"]
    lines = [f"{product['form']} {product['rows']} {product['n']} {product['k']}" for product in products]
    text = output([PROGRAM], input="\n".join([str(task["threads"]), *lines]))
    speeds = [float(line) for line in text.splitlines()]
    cells = {product["cell"]: speed / 1e9 for product, speed in zip(products, speeds, strict=True)}
    return {"version": f"{VERSION} with x86-v4", "cells": cells}


if __name__ == "__main__":
    install()
    shapes = [{"cell": form, "dtype": "f32", "form": form, "rows": 1024, "n": 576, "k": 1536} for form in ("nt", "nn", "tn")]
    print(json.dumps(round_of({"gemm": shapes, "threads": 2})))
