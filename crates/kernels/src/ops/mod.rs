//! The small steps between the products: norms, rotary positions, gates, and reading logits.
