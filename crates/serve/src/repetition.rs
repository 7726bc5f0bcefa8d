//! Rules against repetition and for variety, by llama.cpp's names.

use catena_engine::{DryParams, MAX_BREAKER_BYTES, MAX_STOP_STRINGS, SamplingParams, XtcParams};
use schemars::JsonSchema;
use serde::Deserialize;

/// Probability from which a token is a top choice of XTC, where a request does not say.
const XTC_THRESHOLD: f32 = 0.1;

/// What llama.cpp's server takes beside OpenAI's and vLLM's fields.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct RepetitionFields {
    /// The penalties look at so many of the last tokens: 0 at none, -1 at all.
    #[schemars(range(min = -1))]
    repeat_last_n: Option<i64>,
    /// As `repetition_penalty`.
    #[schemars(range(max = 10.0), extend("exclusiveMinimum" = 0))]
    repeat_penalty: Option<f32>,
    /// Strength of the DRY rule; 0 is off.
    #[schemars(range(min = 0.0, max = 100.0))]
    dry_multiplier: Option<f32>,
    #[schemars(range(min = 1.0, max = 10.0))]
    dry_base: Option<f32>,
    #[schemars(range(min = 1, max = 1000))]
    dry_allowed_length: Option<usize>,
    /// The DRY rule looks at so many of the last tokens: 0 at none, -1 at all.
    #[schemars(range(min = -1))]
    dry_penalty_last_n: Option<i64>,
    #[schemars(length(max = MAX_STOP_STRINGS), inner(length(min = 1, max = MAX_BREAKER_BYTES)))]
    dry_sequence_breakers: Option<Vec<String>>,
    /// How often the XTC rule acts; 0 is never.
    #[schemars(range(min = 0.0, max = 1.0))]
    xtc_probability: Option<f32>,
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0))]
    xtc_threshold: Option<f32>,
}

impl RepetitionFields {
    /// Sets what the fields ask for in `params`, where vLLM's names have said nothing of it.
    pub(crate) fn apply(&self, has_penalty: bool, params: &mut SamplingParams) {
        if let Some(penalty) = self.repeat_penalty.filter(|_| !has_penalty) {
            params.repetition_penalty = penalty;
        }
        match self.repeat_last_n {
            // No token is looked at, so none is penalized.
            Some(0) => {
                params.repetition_penalty = 1.0;
                params.frequency_penalty = 0.0;
                params.presence_penalty = 0.0;
            }
            last_n => params.penalty_last_n = window(last_n),
        }
        params.dry = self.dry();
        params.xtc = self.xtc_probability.filter(|&probability| probability != 0.0).map(|of| {
            let threshold = self.xtc_threshold.unwrap_or(XTC_THRESHOLD);
            XtcParams { probability: of, threshold }
        });
    }

    fn dry(&self) -> Option<DryParams> {
        let multiplier = self.dry_multiplier.filter(|&multiplier| multiplier != 0.0)?;
        if self.dry_penalty_last_n == Some(0) {
            return None;
        }
        let base = DryParams::default();
        Some(DryParams {
            multiplier,
            base: self.dry_base.unwrap_or(base.base),
            allowed_length: self.dry_allowed_length.unwrap_or(base.allowed_length),
            last_n: window(self.dry_penalty_last_n),
            sequence_breakers: self.dry_sequence_breakers.clone().unwrap_or(base.sequence_breakers),
        })
    }
}

/// So many tokens; all for a negative number.
fn window(last_n: Option<i64>) -> Option<usize> {
    last_n.and_then(|count| usize::try_from(count).ok())
}

#[cfg(test)]
mod tests {
    use super::RepetitionFields;
    use crate::sampling::SamplingFields;
    use catena_engine::{DryParams, SamplingParams, XtcParams};
    use serde_json::{Value, json};

    fn params(fields: Value, has_penalty: bool) -> SamplingParams {
        let fields: RepetitionFields = serde_json::from_value(fields).expect("they are read");
        let mut params = SamplingParams {
            repetition_penalty: 1.5,
            frequency_penalty: 0.5,
            presence_penalty: 0.5,
            ..SamplingParams::default()
        };
        fields.apply(has_penalty, &mut params);
        params
    }

    #[test]
    fn without_fields_nothing_changes() {
        let plain = params(json!({}), true);
        assert_eq!((plain.dry, plain.xtc, plain.penalty_last_n), (None, None, None));
        assert_eq!((plain.repetition_penalty, plain.presence_penalty), (1.5, 0.5));
    }

    #[test]
    fn rules_are_set_as_llama_cpp_names_them() {
        let asked = json!({"repeat_last_n": 64, "repeat_penalty": 1.2, "dry_multiplier": 0.8,
            "dry_allowed_length": 3, "dry_penalty_last_n": 128, "dry_sequence_breakers": ["\n"],
            "xtc_probability": 0.5});
        let set = params(asked.clone(), false);
        assert_eq!((set.repetition_penalty, set.penalty_last_n), (1.2, Some(64)));
        let dry = DryParams {
            multiplier: 0.8,
            allowed_length: 3,
            last_n: Some(128),
            sequence_breakers: vec!["\n".to_owned()],
            ..DryParams::default()
        };
        assert_eq!(set.dry, Some(dry));
        assert_eq!(set.xtc, Some(XtcParams { probability: 0.5, threshold: 0.1 }));
        assert_eq!(params(asked, true).repetition_penalty, 1.5, "vLLM's name goes first");
    }

    #[test]
    fn zero_is_off_and_a_negative_window_is_all() {
        let off =
            params(json!({"repeat_last_n": 0, "dry_multiplier": 0, "xtc_probability": 0}), true);
        assert_eq!(
            (off.repetition_penalty, off.frequency_penalty, off.presence_penalty),
            (1.0, 0.0, 0.0)
        );
        assert_eq!((off.dry, off.xtc), (None, None));
        assert_eq!(params(json!({"dry_multiplier": 1, "dry_penalty_last_n": 0}), true).dry, None);
        let all = params(
            json!({"repeat_last_n": -1, "dry_multiplier": 1, "dry_penalty_last_n": -1}),
            true,
        );
        assert_eq!((all.penalty_last_n, all.dry.and_then(|dry| dry.last_n)), (None, None));
    }

    #[test]
    fn every_field_is_known_to_the_routes() {
        let schema = schemars::schema_for!(RepetitionFields);
        let fields = schema.as_value()["properties"].as_object().expect("it has fields");
        for field in fields.keys() {
            assert!(SamplingFields::NAMES.contains(&field.as_str()), "{field}");
        }
    }
}
