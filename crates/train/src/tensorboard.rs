//! TensorBoard event files, written by hand: scalars and texts, a few protobuf messages.
//!
//! # Source
//! `tensorflow/core/util/event.proto`, `summary.proto` and `tensor.proto`, and the TFRecord framing: `u64 length`,
//! `u32 masked crc32c(length)`, data, `u32 masked crc32c(data)`, all little-endian, with
//! `mask(c) = rotr(c, 15) + 0xa282ead8`.

use crate::error::TrainError;
use camino::{Utf8Path, Utf8PathBuf};
use std::fs::File;
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

/// Appends summaries to one event file.
#[derive(Debug)]
pub struct EventWriter {
    file: File,
    path: Utf8PathBuf,
}

impl EventWriter {
    /// Starts a new event file in `dir`; several files of one run are read as one by TensorBoard.
    ///
    /// # Errors
    /// [`TrainError::Io`].
    pub fn create(dir: &Utf8Path) -> Result<Self, TrainError> {
        let now = wall_time();
        let path =
            dir.join(format!("events.out.tfevents.{:.6}.catena.{}", now, std::process::id()));
        let io = |source| TrainError::Io { path: path.clone(), source };
        std::fs::create_dir_all(dir).map_err(io)?;
        let file = File::create(&path).map_err(io)?;
        let mut this = Self { file, path };
        let mut event = Vec::new();
        put_double(&mut event, 1, now);
        put_bytes(&mut event, 3, b"brain.Event:2");
        this.record(&event)?;
        Ok(this)
    }

    /// Writes `value` of `tag` at `step`.
    ///
    /// # Errors
    /// [`TrainError::Io`].
    pub fn scalar(&mut self, tag: &str, value: f32, step: u64) -> Result<(), TrainError> {
        let event = scalar_event(tag, value, step, wall_time());
        self.record(&event)
    }

    /// Writes a text under `tag` at `step`.
    ///
    /// # Errors
    /// [`TrainError::Io`].
    pub fn text(&mut self, tag: &str, text: &str, step: u64) -> Result<(), TrainError> {
        let event = text_event(tag, text, step, wall_time());
        self.record(&event)
    }

    fn record(&mut self, data: &[u8]) -> Result<(), TrainError> {
        self.file
            .write_all(&frame(data))
            .map_err(|source| TrainError::Io { path: self.path.clone(), source })
    }
}

fn wall_time() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |elapsed| elapsed.as_secs_f64())
}

pub(crate) fn scalar_event(tag: &str, value: f32, step: u64, wall_time: f64) -> Vec<u8> {
    let mut entry = Vec::new();
    put_bytes(&mut entry, 1, tag.as_bytes());
    entry.push(2 << 3 | 5);
    entry.extend_from_slice(&value.to_le_bytes());
    summary_event(&entry, step, wall_time)
}

/// A tensor of one string, marked for the plugin that shows texts.
pub(crate) fn text_event(tag: &str, text: &str, step: u64, wall_time: f64) -> Vec<u8> {
    const DT_STRING: u64 = 7;
    let mut plugin = Vec::new();
    put_bytes(&mut plugin, 1, b"text");
    let mut metadata = Vec::new();
    put_bytes(&mut metadata, 1, &plugin);
    let mut dim = vec![1 << 3];
    put_varint(&mut dim, 1);
    let mut shape = Vec::new();
    put_bytes(&mut shape, 2, &dim);
    let mut tensor = vec![1 << 3];
    put_varint(&mut tensor, DT_STRING);
    put_bytes(&mut tensor, 2, &shape);
    put_bytes(&mut tensor, 8, text.as_bytes());
    let mut entry = Vec::new();
    put_bytes(&mut entry, 1, tag.as_bytes());
    put_bytes(&mut entry, 8, &tensor);
    put_bytes(&mut entry, 9, &metadata);
    summary_event(&entry, step, wall_time)
}

fn summary_event(entry: &[u8], step: u64, wall_time: f64) -> Vec<u8> {
    let mut summary = Vec::new();
    put_bytes(&mut summary, 1, entry);
    let mut event = Vec::new();
    put_double(&mut event, 1, wall_time);
    event.push(2 << 3);
    put_varint(&mut event, step);
    put_bytes(&mut event, 5, &summary);
    event
}

pub(crate) fn frame(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut out = Vec::with_capacity(data.len() + 16);
    out.extend_from_slice(&length);
    out.extend_from_slice(&masked_crc(&length).to_le_bytes());
    out.extend_from_slice(data);
    out.extend_from_slice(&masked_crc(data).to_le_bytes());
    out
}

fn masked_crc(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

fn put_double(out: &mut Vec<u8>, field: u8, value: f64) {
    out.push(field << 3 | 1);
    out.extend_from_slice(&value.to_le_bytes());
}

fn put_bytes(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    out.push(field << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}
