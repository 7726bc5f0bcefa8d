//! Products with bf16 and f32 weights.
