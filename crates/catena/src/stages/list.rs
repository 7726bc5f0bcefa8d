//! The list of stages.

use super::evaluate::{Evaluate, Subject};
use super::{Inputs, data, index, merge, quantize, retrieval, synth, train};
use catena_pipeline::Stage;
use std::sync::Arc;

/// Every stage over `inputs`.
pub(crate) fn all(inputs: &Arc<Inputs>) -> Vec<Box<dyn Stage>> {
    vec![
        Box::new(data::Data(inputs.clone())),
        Box::new(index::BuildIndex(inputs.clone())),
        Box::new(retrieval::Retrieval(inputs.clone())),
        Box::new(synth::Synth(inputs.clone())),
        Box::new(Evaluate { inputs: inputs.clone(), subject: Subject::Base }),
        Box::new(train::Train(inputs.clone())),
        Box::new(merge::Merge(inputs.clone())),
        Box::new(Evaluate { inputs: inputs.clone(), subject: Subject::Tuned }),
        Box::new(quantize::Quantize(inputs.clone())),
        Box::new(Evaluate { inputs: inputs.clone(), subject: Subject::Quantized }),
    ]
}
