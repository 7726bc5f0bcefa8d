//! What a request adds to the logits of single tokens.

/// Adds each bias to its token's logit.
pub(super) fn apply(row_v: &mut [f32], logit_bias: &[(u32, f32)]) {
    for &(token, bias) in logit_bias {
        if let Some(logit) = row_v.get_mut(token as usize) {
            *logit += bias;
        }
    }
}
